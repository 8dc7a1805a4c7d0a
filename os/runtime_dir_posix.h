// The directory of the control channels of one user's daemons:
//   $CUBBY_RUNTIME_DIR if that is set, else $XDG_RUNTIME_DIR/cubby if $XDG_RUNTIME_DIR is a
//   directory of the user's own, else /run/cubby for root, else /tmp/cubby-UID.
//
// Only its owner may write there, so the names in it are made by that user and can be trusted.
#ifndef CUBBY_OS_RUNTIME_DIR_POSIX_H_
#define CUBBY_OS_RUNTIME_DIR_POSIX_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "os/descriptor_posix.h"
#include "os/listing_posix.h"

namespace cubby::os {

struct RuntimeDir {
  Descriptor fd;     // for openat() and similar calls
  std::string path;  // for messages
};

// Returns the directory's path, whether it exists or not.
std::string RuntimeDirPath();

// Opens it. NotFound if it does not exist; PermissionDenied if it is another user's or other users
// may write there; FailedPrecondition if it is a link or not a directory; InvalidArgument if its
// path is relative.
absl::StatusOr<RuntimeDir> OpenRuntimeDir();

// The same, but makes it, with mode 0700, if it does not exist. PermissionDenied if it would lie in
// a directory of another user than the caller and root.
absl::StatusOr<RuntimeDir> OpenOrCreateRuntimeDir();

// Keeps other processes from making or removing request FIFOs in it, until flock(LOCK_UN) or until
// `dir` is closed. FailedPrecondition if another program has locked it for a second.
absl::Status LockRuntimeDir(const RuntimeDir& dir);

// Begins to list its files. Null, with errno set, if that fails.
Listing ListRuntimeDir(const RuntimeDir& dir);

}  // namespace cubby::os

#endif  // CUBBY_OS_RUNTIME_DIR_POSIX_H_
