// What the command says when something went wrong.
#ifndef CUBBY_CLI_STATUS_H_
#define CUBBY_CLI_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "program/exit_code.h"

namespace cubby::cli {

using program::Subject;

// Prints "cubby: MESSAGE" to standard error, on one line whatever bytes the message has, and
// returns the exit code.
program::ExitCode Fail(program::ExitCode code, absl::string_view message);
program::ExitCode Fail(const absl::Status& status, Subject subject);

// The error of a get, put, add, replace or delete of `key`, with the message that the library
// leaves to its caller.
absl::Status EntryError(const absl::Status& status, absl::string_view key);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_STATUS_H_
