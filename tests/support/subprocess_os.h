// The platform part of Subprocess, implemented in subprocess_posix.cc and subprocess_win.cc.
#ifndef CUBBY_TESTS_SUPPORT_SUBPROCESS_OS_H_
#define CUBBY_TESTS_SUPPORT_SUBPROCESS_OS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

// Owns one end of a pipe: a descriptor, or a HANDLE. Not inherited by other children.
class PipeEnd {
 public:
  PipeEnd() = default;
  explicit PipeEnd(intptr_t handle) : handle_(handle) {}
  PipeEnd(PipeEnd&& other) noexcept : handle_(other.handle_) { other.handle_ = kNone; }
  PipeEnd& operator=(PipeEnd&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~PipeEnd();

  // Blocks until bytes are available and returns their number; 0 at the end.
  size_t Read(char* buffer, size_t size);
  // Blocks until everything is written or the other end is closed.
  void Write(absl::string_view bytes);

  intptr_t handle() const { return handle_; }

 private:
  static constexpr intptr_t kNone = -1;
  intptr_t handle_ = kNone;
};

// A started process. Thread-safe. REQUIRES: it has been waited for before destruction.
class OsProcess {
 public:
  // The parent's ends of the child's three standard streams.
  struct Streams {
    PipeEnd input, output, error;
  };
  static absl::StatusOr<std::unique_ptr<OsProcess>> Start(
      const std::vector<std::string>& argv,
      const std::vector<std::pair<std::string, std::string>>& environment, Streams* streams);

  virtual ~OsProcess() = default;
  // Returns true if the process ends by `deadline`.
  virtual bool WaitUntil(absl::Time deadline) = 0;
  // Returns the value of ExitResult::exit_code. REQUIRES: the process has ended.
  virtual int ExitCode() = 0;
  virtual void Kill() = 0;
  virtual void Interrupt() = 0;
  virtual uint64_t pid() const = 0;
};

// Returns the separator of a list of paths: ':' or ';'.
char PathListSeparator();
// Returns the suffix of program names: "" or ".exe".
absl::string_view ProgramSuffix();

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_SUBPROCESS_OS_H_
