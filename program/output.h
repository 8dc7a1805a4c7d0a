// What a program writes for people and for other programs: messages to standard error, results to
// standard output.
#ifndef CUBBY_PROGRAM_OUTPUT_H_
#define CUBBY_PROGRAM_OUTPUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "program/exit_code.h"

namespace cubby::program {

// "PROGRAM: MESSAGE" and a line end: one line whatever bytes the message has, as control characters
// become spaces.
std::string MessageLine(absl::string_view program, absl::string_view message);

// Writes that line to standard error, at once.
void PrintMessage(absl::string_view program, absl::string_view message);

// From now on a program that is refused memory says so, in one such line, and ends with kSystem, as
// if it had been killed: exceptions for that would be in nobody's way but theirs who look for them.
// `program` outlives it.
void EndWhenOutOfMemory(const char* program);

// Standard output, buffered. The first error is kept, and nothing is written after it.
class Output {
 public:
  // `program` is who says so if it cannot be written.
  explicit Output(absl::string_view program) : program_(program) {}

  void Write(absl::string_view bytes);
  // True once a write has failed: whoever writes much may as well stop.
  bool failed() const { return error_ != 0; }
  // Writes what is left. Returns kOk; or kSystem, having said why, unless the reader simply went
  // away (`| head`).
  ExitCode Finish();

 private:
  const std::string program_;
  int error_ = 0;  // an errno value
};

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_OUTPUT_H_
