// The clock that entries expire by: the same for every process of the host, and never set.
#ifndef CUBBY_OS_CLOCK_H_
#define CUBBY_OS_CLOCK_H_

#include <cstdint>

namespace cubby::os {

// Returns nanoseconds since the machine booted, time asleep included; never 0. No system call:
// CLOCK_BOOTTIME through the vDSO on Linux, the shared tick count on Windows (which steps by up to
// 16 ms). Safe from any thread.
uint64_t BootNanos();

// The type of BootNanos(), for code that tests run at given times.
using Clock = uint64_t (*)();

// Returns by how much BootNanos() can be behind the time: the clock's step.
uint64_t BootStepNanos();

// Returns how far the calling process's BootNanos() is ahead of the machine's boot clock: Linux can
// give a time namespace an offset. Processes with different offsets do not share a clock. Returns 0
// on systems without time namespaces; kUnknownBootOffset where /proc is not mounted or does not
// tell, and for a process that has made a time namespace for its children and is in another one
// itself. The first call of a process takes a few system calls, later ones none; they do not notice
// that the process has entered another time namespace (setns).
int64_t BootOffsetNanos();
inline constexpr int64_t kUnknownBootOffset = INT64_MIN;

// Returns nanoseconds since 1970-01-01 UTC, for messages and for times that are kept across boots.
uint64_t UnixNanos();

// Returns how far UnixNanos() is ahead of BootNanos(): the same number in every process with the
// same boot offset until the wall clock is set, since suspend and a correction of the rate move
// both clocks alike. Exact on Linux, but to a millisecond once the machine has been suspended or
// where it has no coarse clocks. A multiple of 50 ms on Windows, which corrects the rate of the
// wall clock alone, so that the number changes with time.
int64_t UnixAheadOfBootNanos();

}  // namespace cubby::os

#endif  // CUBBY_OS_CLOCK_H_
