// The clock that entries expire by: one that every process on the host agrees on and that nobody
// can set.
#ifndef CUBBY_OS_CLOCK_H_
#define CUBBY_OS_CLOCK_H_

#include <cstdint>

namespace cubby::os {

// Nanoseconds since the machine booted, time asleep included; never 0. No system call:
// CLOCK_BOOTTIME through the vDSO on Linux, the shared tick count on Windows (which steps by up to
// 16 ms). Safe from any thread.
uint64_t BootNanos();

// A clock like it, for those who must be tested at given moments.
using Clock = uint64_t (*)();

// How much later than BootNanos() says it can be: how far the clock steps.
uint64_t BootStepNanos();

// How far the calling process's BootNanos() is ahead of the machine's boot clock: Linux can give a
// time namespace an offset. Processes for which it differs do not share a clock. 0 where there are
// no time namespaces, and where /proc, which tells, is not mounted; kUnknownBootOffset for a
// process that has made a time namespace for its children and is in another one itself. Costs one
// or a few system calls in the first call of a process, none after that; a process that enters
// another time namespace (setns) after that is not noticed.
int64_t BootOffsetNanos();
inline constexpr int64_t kUnknownBootOffset = INT64_MIN;

// Nanoseconds since 1970-01-01 UTC, for people and for what outlives a boot.
uint64_t UnixNanos();

}  // namespace cubby::os

#endif  // CUBBY_OS_CLOCK_H_
