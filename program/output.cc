#include "program/output.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "program/standard_streams.h"
#include "program/text_encoding.h"

namespace cubby::program {

std::string MessageLine(absl::string_view program, absl::string_view message) {
  std::string line = absl::StrCat(program, ": ");
  while (!message.empty()) {
    const size_t length = Utf8Length(message);
    const absl::string_view character = message.substr(0, std::max<size_t>(length, 1));
    if (absl::ascii_iscntrl(static_cast<unsigned char>(character.front()))) {
      line.push_back(' ');
    } else if (length == 0 || IsInvisible(CodePoint(character))) {
      for (const char byte : character) {
        absl::StrAppend(&line, "\\x", absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2));
      }
    } else {
      absl::StrAppend(&line, character);
    }
    message.remove_prefix(character.size());
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
    static char line[128];
    const int size =
        std::snprintf(line, sizeof(line), "%s%s\n", program_out_of_memory,
                      ": out of memory: allow more (ulimit -v, ulimit -d), or end other programs");
    WriteLastWords(absl::string_view(line, static_cast<size_t>(size)));
    std::_Exit(static_cast<int>(ExitCode::kSystem));
  });
}

void Output::Write(absl::string_view bytes) {
  if (failed()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) error_ = OutputError();
}

ExitCode Output::Finish() {
  if (!failed() && std::fflush(stdout) != 0) error_ = OutputError();
  if (!failed()) return ExitCode::kOk;
  if (error_ == EPIPE || error_is_printed_) return ExitCode::kSystem;
  error_is_printed_ = true;
  PrintMessage(program_, absl::StrCat("cannot write to standard output: ",
                                      std::error_code(error_, std::generic_category()).message()));
  return ExitCode::kSystem;
}

}  // namespace cubby::program
