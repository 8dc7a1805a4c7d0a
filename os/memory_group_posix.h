// The memory control groups (cgroups of version 1 or 2) that the memory of this process counts
// towards. Beyond a group's limit the kernel kills the process, without an error that it could
// report.
#ifndef CUBBY_OS_MEMORY_GROUP_POSIX_H_
#define CUBBY_OS_MEMORY_GROUP_POSIX_H_

#include <cstdint>
#include <string>

#include "absl/types/optional.h"

namespace cubby::os {

struct MemoryGroup {
  std::string path;    // of its directory
  uint64_t limit;      // bytes
  uint64_t available;  // bytes, at most `limit`, and more with swap
};

enum class GroupLimit {
  kMost,  // beyond it the kernel kills: memory.max
  kHigh,  // beyond it the kernel slows the processes down: memory.high, of version 2 only
};

// Returns the group with the least available memory below such a limit, of the one that this
// process is in and those around it, as far as they are mounted; nullopt if none has one. `proc` is
// the process's directory.
absl::optional<MemoryGroup> TightestMemoryGroup(GroupLimit which,
                                                const std::string& proc = "/proc/self");

}  // namespace cubby::os

#endif  // CUBBY_OS_MEMORY_GROUP_POSIX_H_
