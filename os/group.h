// Groups of users. Apart from the rest, because the system looks names up with libraries that it
// loads as it goes: a program that is linked statically has no use for that.
#ifndef CUBBY_OS_GROUP_H_
#define CUBBY_OS_GROUP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// The id of the group of that name, or of that number. NotFound if there is none; Unimplemented on
// Windows.
absl::StatusOr<uint32_t> GroupId(absl::string_view group);

}  // namespace cubby::os

#endif  // CUBBY_OS_GROUP_H_
