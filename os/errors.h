// Turns the operating system's errors into absl::Status. One source for each system does it.
#ifndef CUBBY_OS_ERRORS_H_
#define CUBBY_OS_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// Returns the status for the calling thread's last error: errno on POSIX, GetLastError() on
// Windows. The message reads "WHAT: the system's text", and for some limits ": what to do" (POSIX).
// REQUIRES: no call that can overwrite the error came in between.
//
// Codes: missing -> NotFound, exists -> AlreadyExists, access -> PermissionDenied, no memory, space
// or handles -> ResourceExhausted, timed out -> DeadlineExceeded, other end gone -> Unavailable, an
// object of another kind -> FailedPrecondition, anything else -> Internal.
absl::Status LastError(absl::string_view what);

// The same for a given error number: an errno value on POSIX, a Win32 error code on Windows.
absl::Status ErrorFromCode(int code, absl::string_view what);

// Returns an error with what to do about it after its message.
inline absl::Status WithRemedy(const absl::Status& error, absl::string_view remedy) {
  return absl::Status(error.code(), absl::StrCat(error.message(), ": ", remedy));
}

}  // namespace cubby::os

#endif  // CUBBY_OS_ERRORS_H_
