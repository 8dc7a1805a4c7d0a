#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "os/errors.h"

namespace cubby::os {
namespace {

// Not absl::ErrnoToStatusCode(): that calls a full disk Unavailable, a reader who is gone
// FailedPrecondition and a name taken by a link Unknown, and users act on these.
absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
    case ESRCH:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
      return absl::StatusCode::kResourceExhausted;
    case ETIMEDOUT:
      return absl::StatusCode::kDeadlineExceeded;
    case EPIPE:
    case EAGAIN:
    case ECONNRESET:
    case ECONNREFUSED:
      return absl::StatusCode::kUnavailable;
    case ELOOP:  // a link
    case EISDIR:
    case EINVAL:  // shm_open() says so of a directory
    case ENOTDIR:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

// What to do about an error, whatever was tried; "" if that depends.
absl::string_view RemedyFor(int error) {
  switch (error) {
    case EMFILE:
      return ": allow more open files (ulimit -n)";
    case EFBIG:
      return ": allow larger files (ulimit -f)";
    default:
      return "";
  }
}

}  // namespace

absl::Status ErrorFromCode(int code, absl::string_view what) {
  return absl::Status(
      CodeOf(code),
      absl::StrCat(what, ": ", std::error_code(code, std::generic_category()).message(),
                   RemedyFor(code)));
}

absl::Status LastError(absl::string_view what) { return ErrorFromCode(errno, what); }

}  // namespace cubby::os
