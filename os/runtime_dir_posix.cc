#include "os/runtime_dir_posix.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/errors.h"
#include "os/user.h"

namespace cubby::os {
namespace {

// How long a process waits for another one that makes its FIFO, which takes microseconds.
constexpr absl::Duration kLockPatience = absl::Seconds(1);

// `path` without what would make a last component that is a link be followed: "run/", "run/.".
std::string WithoutTail(std::string path) {
  while (path.size() > 1 && (absl::EndsWith(path, "/") || absl::EndsWith(path, "/."))) {
    path.pop_back();
  }
  return path;
}

absl::Status CheckPath(const std::string& path) {
  RETURN_IF_ERROR(CheckCaller());
  if (path.front() == '/') return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("CUBBY_RUNTIME_DIR is the relative path '", absl::CHexEscape(path),
                   "': processes in other directories would not find it: use an absolute path"));
}

// The owner of the directory in which one is made can put another in its place at any time.
absl::Status CheckParent(const std::string& path) {
  const std::string parent = path.substr(0, path.find_last_of('/') + 1);
  struct stat info;
  if (stat(parent.c_str(), &info) != 0) return absl::OkStatus();  // mkdir() says why
  if (info.st_uid == geteuid() || info.st_uid == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the directory ", parent, " belongs to uid ", info.st_uid,
                   ", not to you: set CUBBY_RUNTIME_DIR to a path in a directory of your own"));
}

// Never asks for the removal of what may be precious: the path may be a mistake.
absl::Status NoDirectory(const std::string& path) {
  struct stat info;
  const bool link = lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
  return absl::FailedPreconditionError(
      absl::StrCat(path, link ? " is a link: remove it, or set" : " is not a directory: set",
                   " CUBBY_RUNTIME_DIR to a directory of your own"));
}

// A sticky directory is meant for everybody (/tmp), so that a change of its mode would harm others.
absl::Status CheckWriters(const std::string& path, mode_t mode) {
  if ((mode & (S_IWGRP | S_IWOTH)) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "others may write to the directory ", path, ": set CUBBY_RUNTIME_DIR to a directory of your ",
      (mode & S_ISVTX) != 0
          ? absl::StrCat("own, such as ", path == "/" ? "" : path, "/cubby-", geteuid())
          : std::string("own, or chmod 0700 this one if only you use it")));
}

absl::Status DenialWithRemedy(const absl::Status& error) {
  if (!absl::IsPermissionDenied(error)) return error;
  return WithRemedy(error, "set CUBBY_RUNTIME_DIR to a path in a directory of your own");
}

}  // namespace

Listing ListRuntimeDir(const RuntimeDir& dir) {
  // A descriptor of its own: the listing closes it, and moves its position.
  const int listed = openat(dir.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return Listing(listed < 0 ? nullptr : fdopendir(listed));
}

absl::Status LockRuntimeDir(const RuntimeDir& dir) {
  const Deadline patience(kLockPatience);
  while (flock(dir.fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) {
      return LastError(absl::StrCat("cannot lock the directory ", dir.path));
    }
    if (patience.Passed()) {
      return absl::FailedPreconditionError(
          absl::StrCat("another program has locked the directory ", dir.path, ": end it"));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

std::string RuntimeDirPath() {
  const char* chosen = std::getenv("CUBBY_RUNTIME_DIR");
  if (chosen != nullptr && *chosen != '\0') return WithoutTail(chosen);
  // The XDG rules say that a relative path there is to be ignored. It is often another user's, whom
  // `su` or `sudo` was called by, and would then get a directory of this user into that one.
  const char* xdg = std::getenv("XDG_RUNTIME_DIR");
  struct stat info;
  if (xdg != nullptr && *xdg == '/' && stat(xdg, &info) == 0 && S_ISDIR(info.st_mode) &&
      info.st_uid == geteuid()) {
    return absl::StrCat(xdg, "/cubby");
  }
  if (geteuid() == 0) return "/run/cubby";
  return absl::StrCat("/tmp/cubby-", geteuid());
}

absl::StatusOr<RuntimeDir> OpenRuntimeDir() {
  RuntimeDir dir;
  dir.path = RuntimeDirPath();
  RETURN_IF_ERROR(CheckPath(dir.path));
  dir.fd = Descriptor(open(dir.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir.fd.valid() && (errno == ENOTDIR || errno == ELOOP)) return NoDirectory(dir.path);
  if (!dir.fd.valid()) {
    return DenialWithRemedy(LastError(absl::StrCat("cannot open the directory ", dir.path)));
  }
  struct stat info;
  if (fstat(dir.fd.get(), &info) != 0) return LastError(absl::StrCat("cannot look at ", dir.path));
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the directory ", dir.path, " belongs to uid ", info.st_uid,
                     ", not to you: set CUBBY_RUNTIME_DIR to a directory of your own"));
  }
  RETURN_IF_ERROR(CheckWriters(dir.path, info.st_mode));
  return dir;
}

absl::StatusOr<RuntimeDir> OpenOrCreateRuntimeDir() {
  absl::StatusOr<RuntimeDir> dir = OpenRuntimeDir();
  if (!absl::IsNotFound(dir.status())) return dir;
  const std::string path = RuntimeDirPath();
  RETURN_IF_ERROR(CheckParent(path));
  // Only daemons come here, which have no other thread that makes files.
  const mode_t before = umask(0077);
  const bool made = mkdir(path.c_str(), 0700) == 0;
  umask(before);
  if (!made && errno != EEXIST) {
    if (errno == ENOENT) {
      return absl::NotFoundError(
          absl::StrCat("cannot make the directory ", path,
                       ", whose parent does not exist: make that, or set "
                       "CUBBY_RUNTIME_DIR to a path in a directory that exists"));
    }
    return DenialWithRemedy(LastError(absl::StrCat("cannot make the directory ", path)));
  }
  return OpenRuntimeDir();
}

}  // namespace cubby::os
