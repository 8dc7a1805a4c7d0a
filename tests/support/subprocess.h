// Real child processes for tests: start a program, feed it, read what it wrote, kill it.
//
//   auto child = test::Subprocess::Start({test::ProgramPath("cubby"), "get", "k"}, {});
//   test::ExitResult result = child->Wait(absl::Seconds(10));
//   EXPECT_EQ(result.exit_code, 0); EXPECT_EQ(result.out, "v");
//
// A test that needs a function of its own run in another process re-executes the test binary: see
// tests/support/child.h.
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
  std::string input;        // its standard input, which ends after that
  bool hold_input = false;  // true: it ends at CloseInput() instead, or with this process
  std::vector<std::pair<std::string, std::string>> environment;  // added to the parent's
};

struct ExitResult {
  // What the program returned; 128 + the signal's number if a signal ended it (137 after Kill(), on
  // Windows too); -1 if it was still running at the deadline (it is killed then).
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Killed and waited for when destroyed. Output is collected by threads, so a child never blocks on
// a full pipe.
class Subprocess {
 public:
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(const std::vector<std::string>& argv,
                                                           const SubprocessOptions& options = {});
  ~Subprocess();

  // Waits until it ends, at most `timeout`.
  ExitResult Wait(absl::Duration timeout);
  // Waits until its standard error (or output) contains `text`; DeadlineExceeded, or Unavailable if
  // it ended without it; the message then has what it did write.
  absl::Status WaitForError(absl::string_view text, absl::Duration timeout);
  absl::Status WaitForOutput(absl::string_view text, absl::Duration timeout);

  // Ends its standard input, if SubprocessOptions::hold_input keeps that open.
  void CloseInput();
  // Ends it at once, with no chance to clean up: SIGKILL, TerminateProcess.
  void Kill();
  // Asks it to end: SIGTERM; Ctrl-Break on Windows (children are started in a process group of
  // their own for that).
  void Interrupt();
  bool Running();
  uint64_t pid() const;

 private:
  struct Impl;
  explicit Subprocess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Start and Wait in one.
ExitResult Run(const std::vector<std::string>& argv, const SubprocessOptions& options = {},
               absl::Duration timeout = absl::Seconds(60));

// The path of one of the project's programs ("cubby", "cubbyd"), built beside this test; with .exe
// where it has that.
std::string ProgramPath(absl::string_view program);
// The path of the running test binary.
std::string SelfPath();
// A store name no other test uses, valid on every system.
std::string UniqueStoreName(absl::string_view stem);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_SUBPROCESS_H_
