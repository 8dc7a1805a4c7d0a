// Who this process is.
#ifndef CUBBY_OS_PROCESS_H_
#define CUBBY_OS_PROCESS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// This process's id, for people to read. Never proof that anything lives: ids are reused, and
// differ between containers.
uint64_t ProcessId();

// The id of the group of that name, or of that number. NotFound if there is none; Unimplemented on
// Windows.
absl::StatusOr<uint32_t> GroupId(absl::string_view group);

// 64 bits from the system's entropy source.
uint64_t RandomBits();

}  // namespace cubby::os

#endif  // CUBBY_OS_PROCESS_H_
