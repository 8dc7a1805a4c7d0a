// A clock that can time a single look-up: a reading takes some 10 ns, where the system's clocks
// take more and on Windows step by 100 ns. For measurements only: ticks can be compared only within
// one boot.
#ifndef CUBBY_OS_TICK_CLOCK_H_
#define CUBBY_OS_TICK_CLOCK_H_

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace cubby::os {

// Returns the clock's reading, taken when the instructions before the call have ended and those
// after it have not begun. The length of a tick must be measured against another clock. All
// processors count alike if the machine keeps their counters synchronised.
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
