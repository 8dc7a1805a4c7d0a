#include <windows.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/errors.h"
#include "os/named_pipe_win.h"
#include "os/pipe.h"
#include "os/pipe_server.h"
#include "os/security_win.h"

namespace cubby::os {
namespace {

static_assert(kInstances + 1 <= MAXIMUM_WAIT_OBJECTS, "each has an event, and so has Wake()");

// A client sends its request as soon as it has connected. One that does not keeps others out.
constexpr absl::Duration kIdleTimeout = absl::Seconds(10);
// The pipe's name stays while clients of a killed daemon hold their ends, which they close when
// they notice.
constexpr absl::Duration kNamePatience = absl::Seconds(2);
constexpr DWORD kNameRetryMs = 10;
// How many instances a server that pauses leaves to one that joins. All that can be are taken
// otherwise, so that no other program makes one.
constexpr size_t kLeftToJoin = kInstances / 2;
// Room for the largest usual answer, so that it is handed over without waiting for the client.
constexpr DWORD kAnswerBufferBytes = 64 << 10;

// Makes an instance of the pipe; null on error. `flags`: FILE_FLAG_FIRST_PIPE_INSTANCE or 0.
OwnedHandle MakeInstance(const std::string& name, DWORD flags, Security* security) {
  return Own(CreateNamedPipeA(
      name.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | flags,
      PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS, kInstances,
      kAnswerBufferBytes, kMaxRequestBytes, 0, security->attributes()));
}

// FILE_GENERIC_WRITE includes the right to make further instances, which this process needs. No
// other user has any right.
absl::StatusOr<Security> PipeSecurity() {
  return Security::FromMode(0600, FILE_GENERIC_READ, FILE_GENERIC_WRITE);
}

}  // namespace

struct PipeServer::Impl {
  //                 a client connects            its request came
  //   kListening ----------------------> kReading ---------------> kDelivered
  //       ^                               ^     ^    Dismiss()      |      | Answer()
  //       |                               |     +-------------------+      v
  //       | it left, or was too slow      +---------------------------- kWriting
  //       +--- (from kReading, kWriting)         all written
  //
  // kClosed: after Withdraw(), in place of kListening.
  enum class State { kListening, kReading, kDelivered, kWriting, kClosed };

  struct Instance {
    OwnedHandle pipe;
    Operation operation;
    State state = State::kClosed;
    Deadline deadline{absl::InfiniteDuration()};
    std::array<char, kMaxRequestBytes> request;
    uint64_t reply_to = 0;  // of the request, in kDelivered
    std::string answer;

    ~Instance() {
      if (pipe != nullptr) operation.Cancel(pipe.get());
    }
    void Listen(bool withdrawn);
    void Read();
    // Stops listening, but goes on with a client that has connected already.
    void Leave();
    // Disconnects the client, and goes back to listening.
    void Drop(bool withdrawn);
    // Goes on after an operation that has ended. Returns true if a request came, of *bytes bytes.
    bool Advance(bool withdrawn, DWORD* bytes);
  };

  // Makes the instances: all, or if it `joins` another process, as many as that leaves.
  static absl::StatusOr<std::unique_ptr<Impl>> New(absl::string_view store, bool joins);
  // Drops clients whose deadline has passed; returns the next deadline.
  Deadline DropLate();
  // Waits for an instance's event, or if `for_requests` for Wake()'s. Returns the instance's index,
  // kWoken or kTimedOut.
  static constexpr size_t kWoken = kInstances;
  static constexpr size_t kTimedOut = kInstances + 1;
  absl::StatusOr<size_t> Wait(const Deadline& deadline, bool for_requests);
  // Returns the instance whose client waits for the answer to that request; null if it is gone.
  Instance* AwaitingAnswer(uint64_t reply_to);

  std::string name;
  bool withdrawn = false;
  bool paused = false;
  bool incomplete = false;  // Restore() is to make the instances that another server has or had
  OwnedHandle wake;
  std::array<Instance, kInstances> instances;
  size_t first_look = 0;    // goes round, so that a busy client does not delay another
  uint64_t deliveries = 0;  // makes each reply_to unique
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
  // A client that has left is noticed when the deadline is checked next.
  if (error != ERROR_SUCCESS) deadline = Deadline(absl::ZeroDuration());
}

void PipeServer::Impl::Instance::Leave() {
  operation.Cancel(pipe.get());
  DWORD bytes;
  if (operation.Result(pipe.get(), &bytes) == ERROR_SUCCESS) return Read();
  Drop(/*withdrawn=*/true);
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
    deadline = Deadline(absl::InfiniteDuration());  // the client waits for the daemon now
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
    // Its request may have come, and waits.
    if (paused && instance.state == State::kReading) continue;
    if (instance.deadline.Passed()) instance.Drop(withdrawn);
    next = std::min(next, instance.deadline);
  }
  return next;
}

PipeServer::Impl::Instance* PipeServer::Impl::AwaitingAnswer(uint64_t reply_to) {
  Instance& instance = instances[reply_to % kInstances];
  const bool awaiting = instance.state == State::kDelivered && instance.reply_to == reply_to;
  return awaiting ? &instance : nullptr;
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
    if (state == State::kClosed || state == State::kDelivered) continue;
    if ((!for_requests || paused) && state != State::kWriting) continue;
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

absl::StatusOr<std::unique_ptr<PipeServer::Impl>> PipeServer::Impl::New(absl::string_view store,
                                                                        bool joins) {
  ASSIGN_OR_RETURN(Security security, PipeSecurity());
  const std::string name = PipeName(store);
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  impl->wake = Own(CreateEventA(nullptr, /*bManualReset=*/FALSE, /*bInitialState=*/FALSE, nullptr));
  if (impl->wake == nullptr) return LastError("cannot make an event");

  const Deadline patience(kNamePatience);
  DWORD first = joins ? 0 : FILE_FLAG_FIRST_PIPE_INSTANCE;
  for (Impl::Instance& instance : impl->instances) RETURN_IF_ERROR(instance.operation.Init());
  for (Impl::Instance& instance : impl->instances) {
    for (;;) {
      instance.pipe = MakeInstance(name, first, &security);
      if (instance.pipe != nullptr) break;
      impl->incomplete =
          joins && &instance != impl->instances.data() && GetLastError() == ERROR_PIPE_BUSY;
      if (impl->incomplete) break;
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
    if (impl->incomplete) break;
    first = 0;
  }
  for (Impl::Instance& instance : impl->instances) {
    if (instance.pipe != nullptr) instance.Listen(/*withdrawn=*/false);
  }
  return impl;
}

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Create(absl::string_view store) {
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::New(store, /*joins=*/false));
  return std::unique_ptr<PipeServer>(new PipeServer(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Join(absl::string_view store) {
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::New(store, /*joins=*/true));
  return std::unique_ptr<PipeServer>(new PipeServer(std::move(impl)));
}

absl::StatusOr<absl::optional<PipeServer::Request>> PipeServer::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  do {
    ASSIGN_OR_RETURN(const size_t woken, impl_->Wait(deadline, /*for_requests=*/true));
    if (woken == Impl::kWoken) return absl::nullopt;
    if (woken == Impl::kTimedOut) continue;
    Impl::Instance& instance = impl_->instances[woken];
    impl_->first_look = woken + 1;
    DWORD bytes = 0;
    if (instance.Advance(impl_->withdrawn, &bytes)) {
      instance.reply_to = ++impl_->deliveries * kInstances + woken;
      return Request{instance.reply_to, std::string(instance.request.data(), bytes)};
    }
  } while (!deadline.Passed());
  return absl::nullopt;
}

absl::Status PipeServer::Answer(uint64_t reply_to, std::string bytes, absl::Duration timeout) {
  Impl::Instance* const instance = impl_->AwaitingAnswer(reply_to);
  if (instance == nullptr) {
    return absl::UnavailableError("the client is gone, or has not taken its last answer");
  }
  instance->answer = std::move(bytes);
  instance->state = Impl::State::kWriting;
  instance->deadline = Deadline(timeout);
  const DWORD error = instance->operation.Started(WriteFile(
      instance->pipe.get(), instance->answer.data(), static_cast<DWORD>(instance->answer.size()),
      nullptr, instance->operation.Prepare()));
  if (error == ERROR_SUCCESS) return absl::OkStatus();
  instance->Drop(impl_->withdrawn);
  return absl::UnavailableError("the client is gone");
}

void PipeServer::Dismiss(uint64_t reply_to) {
  Impl::Instance* const instance = impl_->AwaitingAnswer(reply_to);
  if (instance != nullptr) instance->Read();
}

void PipeServer::Withdraw() {
  impl_->withdrawn = true;
  // The name goes with the last instance. Until then no instance listens.
  for (Impl::Instance& instance : impl_->instances) {
    if (instance.state == Impl::State::kListening) instance.Drop(impl_->withdrawn);
  }
}

void PipeServer::Pause() {
  impl_->paused = true;
  size_t open = 0;
  for (const Impl::Instance& instance : impl_->instances) open += instance.pipe != nullptr;
  for (Impl::Instance& instance : impl_->instances) {
    if (open <= kInstances - kLeftToJoin) break;
    if (instance.state != Impl::State::kListening) continue;
    instance.Leave();
    open -= instance.pipe == nullptr;
  }
}

void PipeServer::Resume() {
  impl_->paused = false;
  impl_->incomplete = true;
}

void PipeServer::Leave() {
  impl_->withdrawn = true;
  impl_->paused = false;
  for (Impl::Instance& instance : impl_->instances) {
    if (instance.state == Impl::State::kListening) instance.Leave();
  }
}

bool PipeServer::HasClients() const {
  return std::any_of(
      impl_->instances.begin(), impl_->instances.end(), [](const Impl::Instance& instance) {
        return instance.state != Impl::State::kListening && instance.state != Impl::State::kClosed;
      });
}

absl::Status PipeServer::CheckName() const { return absl::OkStatus(); }

absl::StatusOr<std::string> PipeServer::Restore() {
  const auto closed = [](const Impl::Instance& instance) {
    return instance.state == Impl::State::kClosed;
  };
  const auto failed = std::count_if(impl_->instances.begin(), impl_->instances.end(), closed);
  if (impl_->withdrawn || failed == 0) return "";
  ASSIGN_OR_RETURN(Security security, PipeSecurity());
  const bool expected = std::exchange(impl_->incomplete, false);
  DWORD first = failed == kInstances ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0;
  for (Impl::Instance& instance : impl_->instances) {
    if (!closed(instance)) continue;
    instance.pipe = MakeInstance(impl_->name, first, &security);
    if (instance.pipe == nullptr && expected && GetLastError() == ERROR_PIPE_BUSY) {
      impl_->incomplete = true;
      return "";
    }
    if (instance.pipe == nullptr) {
      return LastError(absl::StrCat("cannot make the pipe ", impl_->name));
    }
    instance.Listen(/*withdrawn=*/false);
    first = 0;
  }
  if (expected) return "";
  return absl::StrCat(failed, " of the instances of ", impl_->name, " had failed");
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

uint64_t PipeServer::rejected() const { return 0; }

}  // namespace cubby::os
