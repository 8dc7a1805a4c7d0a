// The user that the process acts as.
#ifndef CUBBY_OS_USER_H_
#define CUBBY_OS_USER_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// PermissionDenied if files of this process cannot be told from those of other users, so that it
// must neither make nor trust any: on Linux, if its user namespace does not map its user. OK on
// Windows.
absl::Status CheckCaller();

// InvalidArgument, saying what to give, unless `user` is a user as Mapping::owner() writes one.
absl::Status CheckUser(absl::string_view user);

}  // namespace cubby::os

#endif  // CUBBY_OS_USER_H_
