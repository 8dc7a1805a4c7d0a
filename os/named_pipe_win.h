// The named pipe of a control channel (os/pipe.h): its name, and overlapped operations on it.
#ifndef CUBBY_OS_NAMED_PIPE_WIN_H_
#define CUBBY_OS_NAMED_PIPE_WIN_H_

#include <windows.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::os {

// How many clients a daemon serves at once. An administrator's tool takes an instance of the pipe
// for a moment; others wait for a free one.
inline constexpr size_t kInstances = 16;

struct CloseHandleOf {
  void operator()(HANDLE handle) const { CloseHandle(handle); }
};
using OwnedHandle = std::unique_ptr<void, CloseHandleOf>;  // null if there is none

// Null for INVALID_HANDLE_VALUE.
OwnedHandle Own(HANDLE handle);

std::string PipeName(absl::string_view store);

// Returns the timeout for the Wait functions: rounded up, so that a loop does not spin before its
// deadline.
DWORD WaitMillis(absl::Duration left);

// One operation at a time on a pipe. The system writes into it until the operation has ended, so it
// must not move.
class Operation {
 public:
  absl::Status Init();

  HANDLE event() const { return event_.get(); }

  // Returns the argument for the call that starts an operation.
  OVERLAPPED* Prepare();

  // Takes what that call returned. Returns ERROR_SUCCESS if the operation goes on, or has ended and
  // the event is set; else the error.
  DWORD Started(BOOL returned);

  // Returns the outcome of an operation that has ended, and sets *bytes to how many it moved.
  DWORD Result(HANDLE pipe, DWORD* bytes);

  // Ends the operation if one goes on. Returns once the system has stopped using the memory.
  void Cancel(HANDLE pipe);

 private:
  OwnedHandle event_;
  OVERLAPPED overlapped_ = {};
};

}  // namespace cubby::os

#endif  // CUBBY_OS_NAMED_PIPE_WIN_H_
