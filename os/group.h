// Groups of users. In a file of its own because the system loads libraries to look names up, which
// a statically linked program cannot use.
#ifndef CUBBY_OS_GROUP_H_
#define CUBBY_OS_GROUP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// Returns the id of the group of that name, or of that number. NotFound if there is none;
// InvalidArgument for a number that no group can have; Unimplemented on Windows.
absl::StatusOr<uint32_t> GroupId(absl::string_view group);

}  // namespace cubby::os

#endif  // CUBBY_OS_GROUP_H_
