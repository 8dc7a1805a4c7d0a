// Child processes for tests: start a program, write its input, read its output, kill it.
//
//   auto child = test::Subprocess::Start({test::ProgramPath("cubby"), "get", "k"}, {});
//   test::ExitResult result = child->Wait(absl::Seconds(10));
//   EXPECT_EQ(result.exit_code, 0); EXPECT_EQ(result.out, "v");
//
// To run a function of the test in another process, see tests/support/child.h.
#ifndef CUBBY_TESTS_SUPPORT_SUBPROCESS_H_
#define CUBBY_TESTS_SUPPORT_SUBPROCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::test {

struct SubprocessOptions {
  std::string input;        // the complete standard input
  bool hold_input = false;  // if true, the input stays open until CloseInput()
  std::vector<std::pair<std::string, std::string>> environment;  // added to the parent's
};

struct ExitResult {
  // The program's exit code; 128 + the signal's number if a signal ended it (137 after Kill(), also
  // on Windows); -1 if it was still running at the deadline and was killed.
  int exit_code = -1;
  std::string out;
  std::string err;
};

// The destructor kills the child and waits for it. Threads collect the output, so that the child
// never blocks on a full pipe.
class Subprocess {
 public:
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(const std::vector<std::string>& argv,
                                                           const SubprocessOptions& options = {});
  ~Subprocess();

  // Waits until the child ends, at most `timeout`.
  ExitResult Wait(absl::Duration timeout);
  // Wait until standard error (or output) contains `text`. Return DeadlineExceeded, or Unavailable
  // if the child ended without it; the message contains the actual output.
  absl::Status WaitForError(absl::string_view text, absl::Duration timeout);
  absl::Status WaitForOutput(absl::string_view text, absl::Duration timeout);

  // Closes standard input that SubprocessOptions::hold_input keeps open.
  void CloseInput();
  // Kills the child without cleanup: SIGKILL, TerminateProcess.
  void Kill();
  // Requests an orderly end: SIGTERM; Ctrl-Break on Windows (each child has a process group of its
  // own for that).
  void Interrupt();
  bool Running();
  uint64_t pid() const;

 private:
  struct Impl;
  explicit Subprocess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Starts a program and waits for its end.
ExitResult Run(const std::vector<std::string>& argv, const SubprocessOptions& options = {},
               absl::Duration timeout = absl::Seconds(60));

// Returns the path of a program ("cubby", "cubbyd") of the same build, with .exe on Windows.
std::string ProgramPath(absl::string_view program);
// Returns the path of the running test binary.
std::string SelfPath();
// Returns a store name that no other test uses, valid on every system.
std::string UniqueStoreName(absl::string_view stem);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_SUBPROCESS_H_
