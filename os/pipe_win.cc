#include <windows.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "os/deadline.h"
#include "os/errors.h"
#include "os/pipe.h"
#include "os/security_win.h"

namespace cubby::os {
namespace {

// Clients served at once. An administrator's tool takes one for a moment; others wait for a free
// one.
constexpr size_t kInstances = 16;
static_assert(kInstances + 1 <= MAXIMUM_WAIT_OBJECTS, "each has an event, and there is Wake()'s");

// A client that has connected sends its request at once. One that does not is in the way of others.
constexpr absl::Duration kIdleTimeout = absl::Seconds(10);
// The pipe's name stays while clients of a killed daemon hold their ends, which they let go when
// they notice.
constexpr absl::Duration kNamePatience = absl::Seconds(2);
constexpr DWORD kNameRetryMs = 10;
// Room for the largest usual answer, so that it is handed over without waiting for the client.
constexpr DWORD kAnswerBufferBytes = 64 << 10;
constexpr size_t kReadBytes = 64 << 10;

struct Close {
  void operator()(HANDLE handle) const { CloseHandle(handle); }
};
using OwnedHandle = std::unique_ptr<void, Close>;  // null when there is none

OwnedHandle Own(HANDLE handle) {
  return OwnedHandle(handle == INVALID_HANDLE_VALUE ? nullptr : handle);
}

std::string PipeName(absl::string_view store) { return absl::StrCat("\\\\.\\pipe\\cubby.", store); }

// For the Wait functions: rounded up, so that they never spin before a deadline.
DWORD WaitMillis(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return INFINITE;
  const int64_t millis = absl::ToInt64Milliseconds(left + absl::Milliseconds(1));
  return static_cast<DWORD>(std::min<int64_t>(millis, INFINITE - 1));
}

// One end's operation in progress. The system writes into it until the operation is over, so it
// stays where it is.
class Operation {
 public:
  absl::Status Init() {
    event_ = Own(CreateEventA(nullptr, /*bManualReset=*/TRUE, /*bInitialState=*/FALSE, nullptr));
    if (event_ == nullptr) return LastError("cannot make an event");
    return absl::OkStatus();
  }

  HANDLE event() const { return event_.get(); }

  // For the call that starts an operation.
  OVERLAPPED* Prepare() {
    overlapped_ = {};
    overlapped_.hEvent = event_.get();
    ResetEvent(event_.get());
    return &overlapped_;
  }

  // Judges what that call returned: ERROR_SUCCESS if the operation goes on or is over, with the
  // event set then.
  DWORD Started(BOOL returned) {
    const DWORD error = returned ? ERROR_SUCCESS : GetLastError();
    if (error == ERROR_IO_PENDING) return ERROR_SUCCESS;
    if (error != ERROR_SUCCESS && error != ERROR_MORE_DATA) return error;
    SetEvent(event_.get());
    return ERROR_SUCCESS;
  }

  // What became of an operation that is over. *bytes: how many were read or written.
  DWORD Result(HANDLE pipe, DWORD* bytes) {
    return GetOverlappedResult(pipe, &overlapped_, bytes, /*bWait=*/FALSE) ? ERROR_SUCCESS
                                                                           : GetLastError();
  }

  // Ends an operation in progress, if there is one. Returns when the system is done with the
  // memory.
  void Cancel(HANDLE pipe) {
    DWORD bytes;
    if (CancelIoEx(pipe, &overlapped_)) {
      GetOverlappedResult(pipe, &overlapped_, &bytes, /*bWait=*/TRUE);
    }
  }

 private:
  OwnedHandle event_;
  OVERLAPPED overlapped_ = {};
};

}  // namespace

struct PipeServer::Impl {
  //                 a client connects            its request came
  //   kListening ----------------------> kReading ---------------> kDelivered
  //       ^                               ^     ^    Receive()      |      | Answer()
  //       |                               |     +-------------------+      v
  //       | it left, or was too slow      +---------------------------- kWriting
  //       +--- (from each of the three)          all written
  //
  // kClosed: after Withdraw(), in place of kListening.
  enum class State { kListening, kReading, kDelivered, kWriting, kClosed };

  struct Instance {
    OwnedHandle pipe;
    Operation operation;
    State state = State::kClosed;
    Deadline deadline{absl::InfiniteDuration()};
    std::array<char, kMaxRequestBytes> request;
    std::string answer;

    ~Instance() {
      if (pipe != nullptr) operation.Cancel(pipe.get());
    }
    void Listen(bool withdrawn);
    void Read();
    // Breaks with the client, and goes back to listening.
    void Drop(bool withdrawn);
    // Takes notice of an operation that is over. True if a request came, of *bytes bytes.
    bool Advance(bool withdrawn, DWORD* bytes);
  };

  // Drops clients whose time is up; returns when the next one's is.
  Deadline DropLate();
  // Waits for an instance's event, or if `for_requests` Wake()'s.
  // The instance; kWoken; kTimedOut.
  static constexpr size_t kWoken = kInstances;
  static constexpr size_t kTimedOut = kInstances + 1;
  absl::StatusOr<size_t> Wait(const Deadline& deadline, bool for_requests);

  bool withdrawn = false;
  OwnedHandle wake;
  std::array<Instance, kInstances> instances;
  size_t first_look = 0;  // goes round, so that a busy client is not in the way of another
};

void PipeServer::Impl::Instance::Listen(bool withdrawn) {
  while (!withdrawn) {
    state = State::kListening;
    deadline = Deadline(absl::InfiniteDuration());
    const DWORD error = operation.Started(ConnectNamedPipe(pipe.get(), operation.Prepare()));
    if (error == ERROR_SUCCESS) return;
    if (error == ERROR_PIPE_CONNECTED) return Read();
    // ERROR_NO_DATA: a client came and went meanwhile.
    if (error != ERROR_NO_DATA) break;
    DisconnectNamedPipe(pipe.get());
  }
  state = State::kClosed;
  pipe.reset();
}

void PipeServer::Impl::Instance::Read() {
  state = State::kReading;
  deadline = Deadline(kIdleTimeout);
  const DWORD error = operation.Started(
      ReadFile(pipe.get(), request.data(), request.size(), nullptr, operation.Prepare()));
  // A client that has left is noticed when the deadline is looked at next.
  if (error != ERROR_SUCCESS) deadline = Deadline(absl::ZeroDuration());
}

void PipeServer::Impl::Instance::Drop(bool withdrawn) {
  operation.Cancel(pipe.get());
  DisconnectNamedPipe(pipe.get());
  Listen(withdrawn);
}

bool PipeServer::Impl::Instance::Advance(bool withdrawn, DWORD* bytes) {
  const DWORD error = operation.Result(pipe.get(), bytes);
  // ERROR_MORE_DATA: a longer request than there can be; the next read gets what is left of it.
  if (error != ERROR_SUCCESS && error != ERROR_MORE_DATA) {
    Drop(withdrawn);
  } else if (state == State::kReading) {
    ResetEvent(operation.event());
    state = State::kDelivered;
    return true;
  } else {
    Read();
  }
  return false;
}

Deadline PipeServer::Impl::DropLate() {
  Deadline next(absl::InfiniteDuration());
  for (Instance& instance : instances) {
    if (instance.state == State::kClosed) continue;
    if (instance.deadline.Passed()) instance.Drop(withdrawn);
    next = std::min(next, instance.deadline);
  }
  return next;
}

absl::StatusOr<size_t> PipeServer::Impl::Wait(const Deadline& deadline, bool for_requests) {
  const Deadline until = std::min(deadline, DropLate());
  std::vector<HANDLE> events;
  std::vector<size_t> meanings;
  if (for_requests) {
    events.push_back(wake.get());
    meanings.push_back(kWoken);
  }
  for (size_t i = 0; i < kInstances; ++i) {
    const size_t index = (first_look + i) % kInstances;
    const State state = instances[index].state;
    if (state == State::kClosed || (!for_requests && state != State::kWriting)) continue;
    events.push_back(instances[index].operation.event());
    meanings.push_back(index);
  }
  if (events.empty()) return kTimedOut;
  const DWORD woken = WaitForMultipleObjects(static_cast<DWORD>(events.size()), events.data(),
                                             /*bWaitAll=*/FALSE, WaitMillis(until.Left()));
  if (woken == WAIT_TIMEOUT) return kTimedOut;
  if (woken >= WAIT_OBJECT_0 + events.size()) return LastError("cannot wait for requests");
  return meanings[woken - WAIT_OBJECT_0];
}

PipeServer::PipeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeServer::~PipeServer() = default;

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Create(absl::string_view store) {
  // FILE_GENERIC_WRITE holds the right to make further instances, which this process needs. Nobody
  // else is named.
  absl::StatusOr<Security> security =
      Security::FromMode(0600, FILE_GENERIC_READ, FILE_GENERIC_WRITE);
  if (!security.ok()) return security.status();
  const std::string name = PipeName(store);
  auto impl = std::make_unique<Impl>();
  impl->wake = Own(CreateEventA(nullptr, /*bManualReset=*/FALSE, /*bInitialState=*/FALSE, nullptr));
  if (impl->wake == nullptr) return LastError("cannot make an event");

  const Deadline patience(kNamePatience);
  DWORD first = FILE_FLAG_FIRST_PIPE_INSTANCE;
  for (Impl::Instance& instance : impl->instances) {
    absl::Status made = instance.operation.Init();
    if (!made.ok()) return made;
    for (;;) {
      instance.pipe = Own(CreateNamedPipeA(
          name.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
          PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS, kInstances,
          kAnswerBufferBytes, kMaxRequestBytes, 0, security->attributes()));
      if (instance.pipe != nullptr) break;
      if (GetLastError() != ERROR_ACCESS_DENIED && GetLastError() != ERROR_PIPE_BUSY) {
        return LastError(absl::StrCat("cannot make the pipe ", name));
      }
      if (patience.Passed()) {
        return absl::FailedPreconditionError(
            absl::StrCat("the pipe ", name,
                         " is there already, made by another program, or held by a client of the "
                         "store's last daemon: end that"));
      }
      Sleep(kNameRetryMs);
    }
    first = 0;
  }
  for (Impl::Instance& instance : impl->instances) instance.Listen(/*withdrawn=*/false);
  return std::unique_ptr<PipeServer>(new PipeServer(std::move(impl)));
}

absl::StatusOr<absl::optional<PipeServer::Request>> PipeServer::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  for (Impl::Instance& instance : impl_->instances) {
    if (instance.state == Impl::State::kDelivered) instance.Read();  // it was not answered
  }
  do {
    absl::StatusOr<size_t> woken = impl_->Wait(deadline, /*for_requests=*/true);
    if (!woken.ok()) return woken.status();
    if (*woken == Impl::kWoken) return absl::nullopt;
    if (*woken == Impl::kTimedOut) continue;
    Impl::Instance& instance = impl_->instances[*woken];
    impl_->first_look = *woken + 1;
    DWORD bytes = 0;
    if (instance.Advance(impl_->withdrawn, &bytes)) {
      return Request{*woken, std::string(instance.request.data(), bytes)};
    }
  } while (!deadline.Passed());
  return absl::nullopt;
}

absl::Status PipeServer::Answer(uint64_t connection, uint64_t, std::string bytes,
                                absl::Duration timeout) {
  Impl::Instance& instance = impl_->instances[connection];
  if (instance.state != Impl::State::kDelivered) {
    return absl::UnavailableError("the client is gone, or has not taken its last answer");
  }
  instance.answer = std::move(bytes);
  instance.state = Impl::State::kWriting;
  instance.deadline = Deadline(timeout);
  const DWORD error = instance.operation.Started(
      WriteFile(instance.pipe.get(), instance.answer.data(),
                static_cast<DWORD>(instance.answer.size()), nullptr, instance.operation.Prepare()));
  if (error == ERROR_SUCCESS) return absl::OkStatus();
  instance.Drop(impl_->withdrawn);
  return absl::UnavailableError("the client is gone");
}

void PipeServer::Withdraw() {
  impl_->withdrawn = true;
  // The name itself goes with the last instance. Until then there is none to connect to.
  for (Impl::Instance& instance : impl_->instances) {
    if (instance.state == Impl::State::kListening) instance.Drop(impl_->withdrawn);
  }
}

void PipeServer::Drain() {
  const auto writing = [](const Impl::Instance& instance) {
    return instance.state == Impl::State::kWriting;
  };
  while (std::any_of(impl_->instances.begin(), impl_->instances.end(), writing)) {
    absl::StatusOr<size_t> woken =
        impl_->Wait(Deadline(absl::InfiniteDuration()), /*for_requests=*/false);
    if (!woken.ok()) return;
    DWORD bytes = 0;
    if (*woken != Impl::kTimedOut) impl_->instances[*woken].Advance(impl_->withdrawn, &bytes);
  }
}

void PipeServer::Wake() { SetEvent(impl_->wake.get()); }

struct PipeClient::Impl {
  explicit Impl(absl::string_view store) : store(store) {}
  ~Impl() {
    if (pipe != nullptr) operation.Cancel(pipe.get());
  }
  // Waits for an operation that `returned` tells has started; returns how many bytes it moved.
  absl::StatusOr<DWORD> Finish(BOOL returned, const Deadline& deadline);

  const std::string store;
  OwnedHandle pipe;
  Operation operation;
};

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
uint64_t PipeClient::session() const { return 0; }

absl::StatusOr<std::unique_ptr<PipeClient>> PipeClient::Connect(absl::string_view store,
                                                                absl::Duration timeout) {
  const Deadline deadline(timeout);
  const std::string name = PipeName(store);
  auto impl = std::make_unique<Impl>(store);
  absl::Status made = impl->operation.Init();
  if (!made.ok()) return made;
  for (;;) {
    // No more rights than used, and a server that is not the daemon learns who we are but cannot
    // act as us.
    impl->pipe = Own(CreateFileA(
        name.c_str(), FILE_READ_DATA | FILE_WRITE_DATA | READ_CONTROL | SYNCHRONIZE,
        /*dwShareMode=*/0, nullptr, OPEN_EXISTING,
        FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr));
    if (impl->pipe != nullptr) break;
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
    // Fails if the name goes, or at the deadline: the next turn finds out.
    WaitNamedPipeA(name.c_str(), WaitMillis(deadline.Left()));
  }
  absl::StatusOr<std::string> owner = OwnerSid(impl->pipe.get());
  if (!owner.ok()) return owner.status();
  absl::StatusOr<std::string> self = CurrentUserSid();
  if (!self.ok()) return self.status();
  if (*owner != *self) {
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
  absl::StatusOr<DWORD> got =
      impl_->Finish(ReadFile(impl_->pipe.get(), &bytes[0], static_cast<DWORD>(bytes.size()),
                             nullptr, impl_->operation.Prepare()),
                    deadline);
  if (!got.ok()) return got.status();
  bytes.resize(*got);
  return bytes;
}

}  // namespace cubby::os
