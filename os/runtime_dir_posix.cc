#include "os/runtime_dir_posix.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/errors.h"
#include "os/user.h"

namespace cubby::os {
namespace {

constexpr char kRemedy[] = "remove it, or set CUBBY_RUNTIME_DIR to a directory of your own";

}  // namespace

std::string RuntimeDirPath() {
  const char* chosen = std::getenv("CUBBY_RUNTIME_DIR");
  if (chosen != nullptr && *chosen != '\0') return chosen;
  // The XDG rules say that a relative path there is to be ignored.
  const char* xdg = std::getenv("XDG_RUNTIME_DIR");
  if (xdg != nullptr && *xdg == '/') return absl::StrCat(xdg, "/cubby");
  if (geteuid() == 0) return "/run/cubby";
  return absl::StrCat("/tmp/cubby-", geteuid());
}

absl::StatusOr<RuntimeDir> OpenRuntimeDir() {
  RETURN_IF_ERROR(CheckCaller());
  RuntimeDir dir;
  dir.path = RuntimeDirPath();
  dir.fd = Descriptor(open(dir.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir.fd.valid() && (errno == ENOTDIR || errno == ELOOP)) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir.path, " is a link, or no directory: ", kRemedy));
  }
  if (!dir.fd.valid()) return LastError(absl::StrCat("cannot open the directory ", dir.path));
  struct stat info;
  if (fstat(dir.fd.get(), &info) != 0) return LastError(absl::StrCat("cannot look at ", dir.path));
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(absl::StrCat("the directory ", dir.path, " belongs to uid ",
                                                    info.st_uid, ", not to you: ", kRemedy));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("others may write to the directory ", dir.path, ": chmod 0700 it"));
  }
  return dir;
}

absl::StatusOr<RuntimeDir> OpenOrCreateRuntimeDir() {
  const std::string path = RuntimeDirPath();
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return LastError(absl::StrCat("cannot make the directory ", path));
  }
  return OpenRuntimeDir();
}

}  // namespace cubby::os
