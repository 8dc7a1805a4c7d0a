#include "program/output.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace cubby::program {

std::string MessageLine(absl::string_view program, absl::string_view message) {
  std::string line = absl::StrCat(program, ": ", message);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  line.push_back('\n');
  return line;
}

void PrintMessage(absl::string_view program, absl::string_view message) {
  const std::string line = MessageLine(program, message);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);  // Windows may buffer it unless it is a terminal
}

namespace {
const char* program_out_of_memory = "";
}  // namespace

void EndWhenOutOfMemory(const char* program) {
  program_out_of_memory = program;
  std::set_new_handler([] {
    // Only calls that do not allocate.
    std::setvbuf(stderr, nullptr, _IONBF, 0);
    std::fputs(program_out_of_memory, stderr);
    std::fputs(": out of memory: allow more (ulimit -v), or end other programs\n", stderr);
    std::_Exit(static_cast<int>(ExitCode::kSystem));
  });
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

}  // namespace cubby::program
