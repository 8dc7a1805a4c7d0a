#include <windows.h>

#include "os/clock.h"

namespace cubby::os {
namespace {

// Above the step of BootNanos(), by which two readings of the clocks' distance may differ.
constexpr int64_t kDistanceStep = 50'000'000;

uint64_t NanosSince1970(const FILETIME& time) {
  constexpr uint64_t kTicksFrom1601To1970 = 116'444'736'000'000'000;  // of 100 ns
  const uint64_t ticks = uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
  return (ticks - kTicksFrom1601To1970) * 100;
}

}  // namespace

uint64_t BootNanos() {
  // One page that the kernel shares with all processes holds it. The finer counters leave out time
  // asleep, or cost a system call. 0 for the first tick after boot only, hence the 1.
  return GetTickCount64() * 1'000'000 + 1;
}

uint64_t BootStepNanos() { return 16'000'000; }

int64_t BootOffsetNanos() { return 0; }

uint64_t UnixNanos() {
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  return NanosSince1970(now);
}

int64_t UnixAheadOfBootNanos() {
  // The system moves both of these clocks on at the same moment.
  for (;;) {
    const uint64_t boot = BootNanos();
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    if (BootNanos() != boot) continue;
    return static_cast<int64_t>(NanosSince1970(now) - boot + kDistanceStep / 2) / kDistanceStep *
           kDistanceStep;
  }
}

}  // namespace cubby::os
