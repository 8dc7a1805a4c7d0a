#include "bench/peers/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/key.h"
#include "bench/peers/peers.h"
#include "bench/random_order.h"
#include "os/tick_clock.h"

namespace cubby::bench {
namespace {

using Clock = std::chrono::steady_clock;

// For every worker to wake up in.
constexpr absl::Duration kLead = absl::Milliseconds(5);

constexpr uint32_t kHotEntry = 0;

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

struct Message {
  enum { kOpen, kClose, kTask } what;
  Task task;
  uint32_t value_bytes;
  uint32_t entries;
  char name[64];
  char folder[64];
};

struct Answer {
  absl::StatusCode code;
  char error[256];
  Outcome outcome;
};
static_assert(std::is_trivially_copyable_v<Message> && std::is_trivially_copyable_v<Answer>);

// One message at a time: the sockets keep them apart.
template <typename T>
bool Send(int socket, const T& message) {
  return send(socket, &message, sizeof(message), MSG_NOSIGNAL) == sizeof(message);
}

template <typename T>
bool Receive(int socket, T* message) {
  ssize_t received;
  do {
    received = recv(socket, message, sizeof(*message), 0);
  } while (received < 0 && errno == EINTR);
  return received == sizeof(*message);
}

template <size_t kSize>
void CopyText(absl::string_view text, char (&to)[kSize]) {
  to[text.copy(to, kSize - 1)] = '\0';
}

// The worker's side.
class Servant {
 public:
  absl::StatusOr<Outcome> Obey(const Message& message) {
    switch (message.what) {
      case Message::kOpen:
        cell_ = {message.value_bytes, message.entries, message.name, message.folder};
        return OpenAll();
      case Message::kClose:
        peers_.clear();
        series_.clear();
        return Outcome{};
      case Message::kTask:
        return Do(message.task, cell_, *peers_[message.task.peer], &series_[message.task.series]);
    }
    return absl::InternalError("no such message");
  }

 private:
  absl::StatusOr<Outcome> OpenAll() {
    for (const PeerKind& kind : AllPeers()) {
      peers_.emplace_back();
      if (!kind.shared) continue;
      absl::StatusOr<std::unique_ptr<Peer>> peer = kind.open(cell_);
      if (!peer.ok()) {
        return absl::Status(peer.status().code(),
                            absl::StrCat(kind.name, ": ", peer.status().message()));
      }
      peers_.back() = *std::move(peer);
    }
    return Outcome{};
  }

  Cell cell_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<uint32_t, cli::Histogram> series_;
};

[[noreturn]] void Serve(int socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Servant servant;
  Message message;
  while (Receive(socket, &message)) {
    const absl::StatusOr<Outcome> outcome = servant.Obey(message);
    Answer answer = {};
    answer.code = outcome.status().code();
    CopyText(outcome.status().message(), answer.error);
    if (outcome.ok()) answer.outcome = *outcome;
    if (!Send(socket, answer)) break;
  }
  _exit(0);
}

}  // namespace

Task MakeTask(Work work, uint32_t peer, absl::Duration time) {
  Task task = {};
  task.work = work;
  task.peer = peer;
  task.begin_ns = Now() + absl::ToInt64Nanoseconds(kLead);
  task.end_ns = task.begin_ns + absl::ToInt64Nanoseconds(time);
  return task;
}

absl::StatusOr<Outcome> Do(const Task& task, const Cell& cell, Peer& peer,
                           cli::Histogram* histogram) {
  // Between two looks at the clock.
  constexpr int kOperations = 16;
  const Key hot(TokenOf(kHotEntry));
  const bool timed = task.work == Work::kGetTimed || task.work == Work::kGetHotTimed;
  const bool puts = task.work == Work::kPutHot || task.work == Work::kPutOdd;
  const bool hot_only = task.work == Work::kPutHot || task.work == Work::kGetHotTimed;
  const bool halved = task.work == Work::kGetEven || task.work == Work::kPutOdd;
  Picker picker(halved ? cell.entries / 2 : cell.entries, task.seed);
  const auto pick = [&] {
    if (hot_only) return hot;
    const uint64_t picked = picker.Next();
    return Key(TokenOf(halved ? 2 * picked + (puts ? 1 : 0) : picked));
  };
  std::vector<char> value(cell.value_bytes);
  absl::StatusOr<bool> got = peer.Get(hot, absl::MakeSpan(value));
  const std::string put(value.begin(), value.end());

  std::this_thread::sleep_for(std::chrono::nanoseconds(task.begin_ns - Now()));
  const int64_t began = Now();
  const uint64_t began_ticks = os::Ticks();
  uint64_t operations = 0;
  // At least once, so that there is a rate even if the system did not let it begin in time.
  do {
    for (int i = 0; i < kOperations && got.ok() && *got; ++i) {
      const Key key = pick();
      if (puts) {
        const absl::Status done = peer.Put(key, put);
        if (!done.ok()) return done;
      } else if (timed) {
        const uint64_t before = os::Ticks();
        got = peer.Get(key, absl::MakeSpan(value));
        const uint64_t after = os::Ticks();
        // Processors' clocks may be some ticks apart when the process moves between them.
        histogram->Add(after > before ? after - before : 0);
      } else {
        got = peer.Get(key, absl::MakeSpan(value));
      }
    }
    operations += kOperations;
  } while (got.ok() && *got && Now() < task.end_ns);
  const auto ns = static_cast<double>(Now() - began);
  const double ns_per_tick = ns / static_cast<double>(os::Ticks() - began_ticks);
  if (!got.ok()) return got.status();
  if (!*got) return absl::NotFoundError("an entry is missing");
  const auto percentile = [&](double fraction) {
    return static_cast<double>(histogram->Percentile(fraction)) * ns_per_tick;
  };
  return Outcome{
      operations,        ns / 1e9,           histogram->count(),
      percentile(0.5),   percentile(0.9),    percentile(0.99),
      percentile(0.999), percentile(0.9999), static_cast<double>(histogram->max()) * ns_per_tick};
}

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start() {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make sockets for a worker");
  }
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot start a worker");
  close(sockets[pid == 0 ? 0 : 1]);
  if (pid == 0) Serve(sockets[1]);
  return std::unique_ptr<Worker>(new Worker(pid, sockets[0]));
}

Worker::~Worker() {
  close(socket_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Status Worker::Open(const Cell& cell) {
  Message message = {};
  message.what = Message::kOpen;
  message.value_bytes = cell.value_bytes;
  message.entries = cell.entries;
  CopyText(cell.name, message.name);
  CopyText(cell.folder, message.folder);
  if (!Send(socket_, message)) return absl::ErrnoToStatus(errno, "cannot reach a worker");
  return Finish().status();
}

absl::Status Worker::Close() {
  Message message = {};
  message.what = Message::kClose;
  if (!Send(socket_, message)) return absl::ErrnoToStatus(errno, "cannot reach a worker");
  return Finish().status();
}

absl::Status Worker::Begin(const Task& task) {
  Message message = {};
  message.what = Message::kTask;
  message.task = task;
  if (!Send(socket_, message)) return absl::ErrnoToStatus(errno, "cannot reach a worker");
  return absl::OkStatus();
}

absl::StatusOr<Outcome> Worker::Finish() {
  Answer answer;
  if (!Receive(socket_, &answer)) return absl::UnavailableError("a worker has ended");
  if (answer.code != absl::StatusCode::kOk) return absl::Status(answer.code, answer.error);
  return answer.outcome;
}

}  // namespace cubby::bench
