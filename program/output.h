// Output of a program: messages to standard error, results to standard output.
#ifndef CUBBY_PROGRAM_OUTPUT_H_
#define CUBBY_PROGRAM_OUTPUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "program/exit_code.h"

namespace cubby::program {

// Returns "PROGRAM: MESSAGE" and a line end, as one line whose characters are all visible: in the
// message, ASCII's control characters become spaces, and other invisible characters and bytes that
// are not UTF-8 become \xHH.
std::string MessageLine(absl::string_view program, absl::string_view message);

// Writes that line to standard error, unbuffered.
void PrintMessage(absl::string_view program, absl::string_view message);

// From now on a failed allocation prints one such line and ends the process with kSystem, without
// destructors, as a kill would: the programs do not handle std::bad_alloc. `program` must stay
// valid until the process ends.
void EndWhenOutOfMemory(const char* program);

// Buffered standard output. Keeps the first error and writes nothing after it.
class Output {
 public:
  // `program` begins the message about a failed write.
  explicit Output(absl::string_view program) : program_(program) {}

  void Write(absl::string_view bytes);
  // Returns true once a write has failed, so that callers can stop producing output.
  bool failed() const { return error_ != 0; }
  // Writes buffered bytes. Returns kOk, or kSystem after an error; prints the error, once, unless
  // the reader of a pipe or socket has closed its end (`| head`).
  ExitCode Finish();

 private:
  const std::string program_;
  int error_ = 0;  // OutputError() of the first failed write
  bool error_is_printed_ = false;
};

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_OUTPUT_H_
