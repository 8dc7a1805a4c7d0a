// What a process uses, as its system counts it.
#ifndef CUBBY_TESTS_TORTURE_PROCESS_METER_H_
#define CUBBY_TESTS_TORTURE_PROCESS_METER_H_

#include <cstdint>

#include "absl/types/optional.h"

namespace cubby::test {

// The processor time that the calling thread has used, in ns: what a call costs however busy the
// machine is. On Windows it steps by up to 16 ms.
uint64_t ThreadCpuNanos();

// The memory that process `pid` has for itself alone, in bytes. Nothing where the system does not
// tell, and under a sanitizer, which keeps what was freed.
absl::optional<uint64_t> OwnBytes(uint64_t pid);

// How many descriptors, or on Windows handles, process `pid` has. Nothing where the system does not
// tell.
absl::optional<uint64_t> OpenHandles(uint64_t pid);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_TORTURE_PROCESS_METER_H_
