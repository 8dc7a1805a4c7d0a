// What the command says and returns when something went wrong: the one place that turns a Status
// into an exit code.
#ifndef CUBBY_CLIENT_CLI_STATUS_H_
#define CUBBY_CLIENT_CLI_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "os/exit_code.h"

namespace cubby::cli {

// What the call was about that gave the Status: NotFound, say, means one thing of a store and
// another of a key.
enum class Subject { kStore, kEntry, kDaemon };

os::ExitCode ExitCodeFor(const absl::Status& status, Subject subject);

// Prints "cubby: MESSAGE" to standard error, on one line whatever bytes the message has, and
// returns the exit code.
os::ExitCode Fail(os::ExitCode code, absl::string_view message);
os::ExitCode Fail(const absl::Status& status, Subject subject);

// The error of a get, put, add, replace or delete of `key`, with the message that the library
// leaves to its caller.
absl::Status EntryError(const absl::Status& status, absl::string_view key);

}  // namespace cubby::cli

#endif  // CUBBY_CLIENT_CLI_STATUS_H_
