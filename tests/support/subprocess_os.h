// What Subprocess needs of the operating system: subprocess_posix.cc or subprocess_win.cc.
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

// One end of a pipe: a descriptor, or a HANDLE. Closed when destroyed; never inherited by another
// child.
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

  // Blocks until there is something to read; 0 at the end.
  size_t Read(char* buffer, size_t size);
  // Blocks until all is written, or nobody will read it any more.
  void Write(absl::string_view bytes);

  intptr_t handle() const { return handle_; }

 private:
  static constexpr intptr_t kNone = -1;
  intptr_t handle_ = kNone;
};

// A process that was started. Safe from many threads. REQUIRES: waited for before it is destroyed.
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
  // True if it has ended by then.
  virtual bool WaitUntil(absl::Time deadline) = 0;
  // As ExitResult::exit_code. REQUIRES: it has ended.
  virtual int ExitCode() = 0;
  virtual void Kill() = 0;
  virtual void Interrupt() = 0;
  virtual uint64_t pid() const = 0;
};

// What parts the folders in a list of them: ':' or ';'.
char PathListSeparator();
// What the names of programs end in: "" or ".exe".
absl::string_view ProgramSuffix();

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_SUBPROCESS_OS_H_
