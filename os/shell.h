// Runs a command of the system's shell.
#ifndef CUBBY_OS_SHELL_H_
#define CUBBY_OS_SHELL_H_

#include <string>

#include "absl/status/status.h"

namespace cubby::os {

// Runs `command` by /bin/sh -c, or cmd.exe /c on Windows, waits until it ends, and sets *output to
// all that it wrote to its standard output, byte for byte. It has this process's standard input and
// standard error. Returns Aborted, naming its exit code or the signal, if it did not exit with 0;
// Internal if it could not be started. *output is unspecified then.
absl::Status RunShell(const std::string& command, std::string* output);

}  // namespace cubby::os

#endif  // CUBBY_OS_SHELL_H_
