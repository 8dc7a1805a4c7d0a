// Runs a command of the system's shell.
#ifndef CUBBY_OS_SHELL_H_
#define CUBBY_OS_SHELL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/plural.h"

namespace cubby::os {

// Runs `command` by /bin/sh -c, or cmd.exe /c on Windows, waits until it ends, and sets *output to
// what it wrote to its standard output, byte for byte. It has this process's standard input and
// standard error. On Linux it has the default action of SIGPIPE, and a SIGINT, SIGTERM or SIGHUP
// that ends this process meanwhile is passed on to it. Not for two threads at once.
//   Aborted     naming its exit code or the signal: it did not exit with 0
//   OutOfRange  it wrote more than `max_bytes`, and was ended (Linux) or waited for (Windows)
//   Internal    it could not be started, or its output not be read
// *output is unspecified then.
absl::Status RunShell(const std::string& command, uint64_t max_bytes, std::string* output);

inline absl::Status TooMuchOutput(uint64_t max_bytes) {
  return absl::OutOfRangeError(absl::StrCat(
      "the command printed more than ", max_bytes, base::OneOrMany(max_bytes, " byte", " bytes"),
      ", the limit of a value: make it print less, or the store with a larger --max-value"));
}

}  // namespace cubby::os

#endif  // CUBBY_OS_SHELL_H_
