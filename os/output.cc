#include "os/output.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace cubby::os {

void PrintMessage(absl::string_view program, absl::string_view message) {
  std::string line = absl::StrCat(program, ": ", message);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);  // Windows may buffer it when it is no terminal
}

void Output::Write(absl::string_view bytes) {
  if (failed()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) error_ = errno;
}

ExitCode Output::Finish() {
  if (!failed() && std::fflush(stdout) != 0) error_ = errno;
  if (!failed()) return ExitCode::kOk;
  if (error_ == EPIPE) return ExitCode::kSystem;
  PrintMessage(program_, absl::StrCat("cannot write to standard output: ",
                                      std::error_code(error_, std::generic_category()).message()));
  return ExitCode::kSystem;
}

}  // namespace cubby::os
