#include <windows.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/errors.h"
#include "os/named_pipe_win.h"
#include "os/pipe_client.h"
#include "os/security_win.h"

namespace cubby::os {
namespace {

constexpr size_t kReadBytes = 64 << 10;

}  // namespace

struct PipeClient::Impl {
  explicit Impl(absl::string_view store) : store(store) {}
  ~Impl() {
    if (pipe != nullptr) operation.Cancel(pipe.get());
  }
  // Opens the pipe; errors as PipeClient::Connect().
  absl::Status Open(const std::string& name, const Deadline& deadline);
  // Waits for the end of the operation whose start returned `returned`; returns how many bytes it
  // moved.
  absl::StatusOr<DWORD> Finish(BOOL returned, const Deadline& deadline);

  const std::string store;
  OwnedHandle pipe;
  Operation operation;
};

absl::Status PipeClient::Impl::Open(const std::string& name, const Deadline& deadline) {
  for (;;) {
    // Only the rights that are used. A server that is not the daemon can learn the client's user
    // but not act as that user.
    pipe = Own(CreateFileA(
        name.c_str(), FILE_READ_DATA | FILE_WRITE_DATA | READ_CONTROL | SYNCHRONIZE,
        /*dwShareMode=*/0, nullptr, OPEN_EXISTING,
        FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr));
    if (pipe != nullptr) return absl::OkStatus();
    if (GetLastError() == ERROR_FILE_NOT_FOUND) {
      return absl::UnavailableError(
          absl::StrCat("store '", store, "' has no daemon (there is no ", name, "): start cubbyd"));
    }
    if (GetLastError() != ERROR_PIPE_BUSY) {
      return LastError(absl::StrCat("cannot open the pipe ", name));
    }
    if (deadline.Passed()) {
      return absl::DeadlineExceededError(absl::StrCat("the daemon of store '", store, "' serves ",
                                                      kInstances,
                                                      " others, the limit: allow more time"));
    }
    // Fails if the name goes, or at the deadline: the next turn tells which.
    WaitNamedPipeA(name.c_str(), WaitMillis(deadline.Left()));
  }
}

absl::StatusOr<DWORD> PipeClient::Impl::Finish(BOOL returned, const Deadline& deadline) {
  DWORD error = operation.Started(returned);
  DWORD bytes = 0;
  if (error == ERROR_SUCCESS) {
    if (WaitForSingleObject(operation.event(), WaitMillis(deadline.Left())) != WAIT_OBJECT_0) {
      operation.Cancel(pipe.get());
      return absl::DeadlineExceededError(absl::StrCat("the daemon of store '", store,
                                                      "' did not answer in time: allow more time"));
    }
    error = operation.Result(pipe.get(), &bytes);
  }
  if (error == ERROR_SUCCESS || error == ERROR_MORE_DATA) return bytes;
  return absl::UnavailableError(
      absl::StrCat("the daemon of store '", store, "' went away before it answered: restart it"));
}

PipeClient::PipeClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeClient::~PipeClient() = default;

absl::StatusOr<std::unique_ptr<PipeClient>> PipeClient::Connect(absl::string_view store,
                                                                absl::Duration timeout) {
  const Deadline deadline(timeout);
  const std::string name = PipeName(store);
  auto impl = std::make_unique<Impl>(store);
  RETURN_IF_ERROR(impl->operation.Init());
  absl::StatusOr<std::string> owner;
  do {
    RETURN_IF_ERROR(impl->Open(name, deadline));
    owner = OwnerSid(impl->pipe.get());
    // Unavailable: the server has disconnected this client already, which it does with those that
    // connect just as it stops listening. Nothing was asked yet, and another server may listen.
  } while (absl::IsUnavailable(owner.status()) && !deadline.Passed());
  RETURN_IF_ERROR(owner.status());
  ASSIGN_OR_RETURN(const std::string self, CurrentUserSid());
  if (*owner != self) {
    return absl::PermissionDeniedError(absl::StrCat("the pipe ", name, " belongs to user ", *owner,
                                                    ", not to you: have its maker ended"));
  }
  return std::unique_ptr<PipeClient>(new PipeClient(std::move(impl)));
}

absl::Status PipeClient::Send(absl::string_view request, absl::Duration timeout) {
  const Deadline deadline(timeout);
  return impl_
      ->Finish(WriteFile(impl_->pipe.get(), request.data(), static_cast<DWORD>(request.size()),
                         nullptr, impl_->operation.Prepare()),
               deadline)
      .status();
}

absl::StatusOr<std::string> PipeClient::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  std::string bytes(kReadBytes, '\0');
  ASSIGN_OR_RETURN(const DWORD got, impl_->Finish(ReadFile(impl_->pipe.get(), &bytes[0],
                                                           static_cast<DWORD>(bytes.size()),
                                                           nullptr, impl_->operation.Prepare()),
                                                  deadline));
  bytes.resize(got);
  return bytes;
}

}  // namespace cubby::os
