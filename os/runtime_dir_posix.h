// The directory that the control channels of one user's daemons lie in:
//   $CUBBY_RUNTIME_DIR if that is set, else $XDG_RUNTIME_DIR/cubby, else /run/cubby for root, else
//   /tmp/cubby-UID.
//
// Only its owner may write there, so what lies in it was put there by that user: the names in it
// can be trusted.
#ifndef CUBBY_OS_RUNTIME_DIR_POSIX_H_
#define CUBBY_OS_RUNTIME_DIR_POSIX_H_

#include <string>

#include "absl/status/statusor.h"
#include "os/descriptor_posix.h"

namespace cubby::os {

struct RuntimeDir {
  Descriptor fd;     // for openat() and its kin
  std::string path;  // for messages
};

// Where it is to be.
std::string RuntimeDirPath();

// Opens it. NotFound if it is not there; PermissionDenied if it is another user's or others may
// write there; FailedPrecondition if it is a link or no directory.
absl::StatusOr<RuntimeDir> OpenRuntimeDir();

// The same, but makes it, with mode 0700, if it is not there.
absl::StatusOr<RuntimeDir> OpenOrCreateRuntimeDir();

}  // namespace cubby::os

#endif  // CUBBY_OS_RUNTIME_DIR_POSIX_H_
