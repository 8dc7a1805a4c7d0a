#include "os/named_pipe_win.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "os/errors.h"

namespace cubby::os {

OwnedHandle Own(HANDLE handle) {
  return OwnedHandle(handle == INVALID_HANDLE_VALUE ? nullptr : handle);
}

std::string PipeName(absl::string_view store) { return absl::StrCat("\\\\.\\pipe\\cubby.", store); }

DWORD WaitMillis(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return INFINITE;
  const int64_t millis = absl::ToInt64Milliseconds(left + absl::Milliseconds(1));
  return static_cast<DWORD>(std::min<int64_t>(millis, INFINITE - 1));
}

absl::Status Operation::Init() {
  event_ = Own(CreateEventA(nullptr, /*bManualReset=*/TRUE, /*bInitialState=*/FALSE, nullptr));
  if (event_ == nullptr) return LastError("cannot make an event");
  return absl::OkStatus();
}

OVERLAPPED* Operation::Prepare() {
  overlapped_ = {};
  overlapped_.hEvent = event_.get();
  ResetEvent(event_.get());
  return &overlapped_;
}

DWORD Operation::Started(BOOL returned) {
  const DWORD error = returned ? ERROR_SUCCESS : GetLastError();
  if (error == ERROR_IO_PENDING) return ERROR_SUCCESS;
  if (error != ERROR_SUCCESS && error != ERROR_MORE_DATA) return error;
  SetEvent(event_.get());
  return ERROR_SUCCESS;
}

DWORD Operation::Result(HANDLE pipe, DWORD* bytes) {
  return GetOverlappedResult(pipe, &overlapped_, bytes, /*bWait=*/FALSE) ? ERROR_SUCCESS
                                                                         : GetLastError();
}

void Operation::Cancel(HANDLE pipe) {
  DWORD bytes;
  if (CancelIoEx(pipe, &overlapped_)) {
    GetOverlappedResult(pipe, &overlapped_, &bytes, /*bWait=*/TRUE);
  }
}

}  // namespace cubby::os
