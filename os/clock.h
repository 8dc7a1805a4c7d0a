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

// Nanoseconds since 1970-01-01 UTC, for people and for what outlives a boot.
uint64_t UnixNanos();

}  // namespace cubby::os

#endif  // CUBBY_OS_CLOCK_H_
