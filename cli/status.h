// Error messages of the command.
#ifndef CUBBY_CLI_STATUS_H_
#define CUBBY_CLI_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "program/exit_code.h"

namespace cubby::cli {

using program::Subject;

// Prints "cubby: MESSAGE" to standard error, on one line for any bytes in the message, in place of
// a progress bar.
void PrintMessage(absl::string_view message);
// The same, and returns the exit code.
program::ExitCode Fail(program::ExitCode code, absl::string_view message);
program::ExitCode Fail(const absl::Status& status, Subject subject);

// Returns the error of a get, put, add, replace or delete of `key`, with a message where the
// library returns none.
absl::Status EntryError(const absl::Status& status, absl::string_view key);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_STATUS_H_
