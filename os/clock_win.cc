#include <windows.h>

#include "os/clock.h"

namespace cubby::os {

uint64_t BootNanos() {
  // One page that the kernel shares with all processes holds it. The finer counters leave out time
  // asleep, or cost a system call. 0 for the first tick after boot only, hence the 1.
  return GetTickCount64() * 1'000'000 + 1;
}

uint64_t BootStepNanos() { return 16'000'000; }

int64_t BootOffsetNanos() { return 0; }

uint64_t UnixNanos() {
  constexpr uint64_t kTicksFrom1601To1970 = 116'444'736'000'000'000;  // of 100 ns
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  const uint64_t ticks = uint64_t{now.dwHighDateTime} << 32 | now.dwLowDateTime;
  return (ticks - kTicksFrom1601To1970) * 100;
}

int64_t UnixAheadOfBootNanos() { return static_cast<int64_t>(UnixNanos() - BootNanos()); }

}  // namespace cubby::os
