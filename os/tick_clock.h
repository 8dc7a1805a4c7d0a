// A clock cheap and fine enough to time one look-up by itself: some 10 ns a reading, where the
// system's clocks cost more and on Windows step by 100 ns. For measuring only; ticks mean something
// only against each other, in one boot.
#ifndef CUBBY_OS_TICK_CLOCK_H_
#define CUBBY_OS_TICK_CLOCK_H_

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace cubby::os {

// What ran before the call has ended, and what comes after has not begun, when the clock is read.
// How long a tick is must be measured against another clock. The same on all processors, as far as
// the machine keeps them so.
inline uint64_t Ticks() {
#if defined(__x86_64__)
  unsigned processor;
  const uint64_t ticks = __rdtscp(&processor);
  _mm_lfence();
  return ticks;
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

}  // namespace cubby::os

#endif  // CUBBY_OS_TICK_CLOCK_H_
