// The user that the process acts as.
#ifndef CUBBY_OS_USER_H_
#define CUBBY_OS_USER_H_

#include "absl/status/status.h"

namespace cubby::os {

// PermissionDenied if files of this process cannot be told from those of other users, so that it
// must neither make nor trust any: on Linux, if its user namespace does not map its user. OK on
// Windows.
absl::Status CheckCaller();

}  // namespace cubby::os

#endif  // CUBBY_OS_USER_H_
