#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/descriptor_posix.h"
#include "os/errors.h"
#include "os/file_id_posix.h"
#include "os/pipe.h"
#include "os/process.h"
#include "os/runtime_dir_posix.h"

namespace cubby::os {
namespace {

static_assert(kMaxRequestBytes <= PIPE_BUF, "longer writes are not atomic");

// A FIFO's size unless somebody changes it, so that one read usually empties it.
constexpr size_t kReadBytes = 64 << 10;
// The largest size that an unprivileged user may give a FIFO.
constexpr size_t kMaxBurstBytes = 1 << 20;
// Answers that wait for clients to take them. An administrator's tool has one each; a hundred at
// once means trouble.
constexpr size_t kMaxAnswersUnderWay = 100;
constexpr size_t kSessionDigits = 16;
// How often to look for what killed clients left, and how old that must be: a client that is about
// to open the FIFO it has made is no dead one.
constexpr absl::Duration kDeadSessionsEvery = absl::Minutes(1);
constexpr absl::Duration kDeadSessionAge = absl::Minutes(1);

std::string RequestName(absl::string_view store) { return absl::StrCat(store, ".control"); }
std::string ReplyPrefix(absl::string_view store) { return absl::StrCat(store, ".reply."); }
std::string ReplyName(absl::string_view store, uint64_t session) {
  return absl::StrCat(ReplyPrefix(store), absl::Hex(session, absl::kZeroPad16));
}

bool IsReplyName(absl::string_view store, absl::string_view file) {
  if (!absl::ConsumePrefix(&file, ReplyPrefix(store)) || file.size() != kSessionDigits) {
    return false;
  }
  return std::all_of(file.begin(), file.end(), absl::ascii_isxdigit);
}

// OK if `info` is of a FIFO that only we can have made and that has no other name.
absl::Status CheckOwnFifo(const struct stat& info, absl::string_view path) {
  if (!S_ISFIFO(info.st_mode) || info.st_nlink > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a FIFO of its own: remove it"));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(absl::StrCat("the FIFO ", path, " belongs to uid ",
                                                    info.st_uid, ", not to you: remove it"));
  }
  return absl::OkStatus();
}

// Opens a FIFO in `dir` for reading or writing, without waiting for its other end. errno is ENXIO
// in the status's stead of words if it is opened for writing and nobody reads it: then the result
// holds an invalid Descriptor.
absl::StatusOr<Descriptor> OpenFifo(const RuntimeDir& dir, const std::string& name, int access) {
  const std::string path = absl::StrCat(dir.path, "/", name);
  Descriptor fifo(openat(dir.fd.get(), name.c_str(), access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo.valid()) {
    if (errno == ENXIO) return fifo;
    return LastError(absl::StrCat("cannot open ", path));
  }
  struct stat info;
  if (fstat(fifo.get(), &info) != 0) return LastError(absl::StrCat("cannot look at ", path));
  absl::Status own = CheckOwnFifo(info, path);
  if (!own.ok()) return own;
  return fifo;
}

// write(2) to a pipe, but a missing reader is EPIPE and no signal, whatever the process does about
// SIGPIPE.
ssize_t WriteToPipe(int fd, absl::string_view bytes) {
  sigset_t broken_pipe, before, pending;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  sigemptyset(&pending);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  const ssize_t written = write(fd, bytes.data(), bytes.size());
  const int error = errno;
  // Takes back the signal that the write raised, unless one was pending already: then they are one.
  if (written < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const struct timespec no_time = {};
    while (sigtimedwait(&broken_pipe, nullptr, &no_time) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

// For poll(2): rounded up, so that it never spins before a deadline; -1 for ever.
int PollTimeout(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return -1;
  const int64_t millis = absl::ToInt64Milliseconds(left + absl::Milliseconds(1));
  return static_cast<int>(std::min<int64_t>(millis, INT_MAX));
}

}  // namespace

struct PipeServer::Impl {
  struct UnderWay {
    Descriptor fifo;
    std::string bytes;
    size_t written = 0;
    Deadline deadline;
  };

  Impl(absl::string_view store, RuntimeDir dir) : store(store), dir(std::move(dir)) {}

  absl::Status MakeRequestFifo();
  void RemoveDeadSessions(absl::Duration age);
  absl::StatusOr<std::string> ReadRequests();
  // Writes as much as fits. True if the answer is done with: all written, or the client gone.
  static bool WriteSome(UnderWay* answer);
  // Waits at most `timeout` for room in reply FIFOs, and, if `for_requests`, for requests and
  // Wake(), which it tells apart.
  struct Ready {
    bool request = false;
    bool wake = false;
  };
  absl::StatusOr<Ready> Poll(absl::Duration timeout, bool for_requests);

  const std::string store;
  const RuntimeDir dir;
  Descriptor requests;
  Descriptor own_writer;  // keeps `requests` from reporting an end whenever the last client goes
  Descriptor wake;
  bool withdrawn = true;                   // until the name is ours
  std::map<uint64_t, UnderWay> under_way;  // by session
  Deadline next_look{kDeadSessionsEvery};  // for dead sessions
};

absl::Status PipeServer::Impl::MakeRequestFifo() {
  const std::string name = RequestName(store);
  const std::string path = absl::StrCat(dir.path, "/", name);
  struct stat info;
  if (fstatat(dir.fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    absl::Status own = CheckOwnFifo(info, path);
    if (!own.ok()) return own;
    // A dead daemon's. Not used again: its clients may have left requests in it.
    if (unlinkat(dir.fd.get(), name.c_str(), 0) != 0) {
      return LastError(absl::StrCat("cannot remove the old ", path));
    }
  }
  if (mkfifoat(dir.fd.get(), name.c_str(), 0600) != 0) {
    return LastError(absl::StrCat("cannot make the FIFO ", path));
  }
  absl::StatusOr<Descriptor> reader = OpenFifo(dir, name, O_RDONLY);
  if (!reader.ok()) return reader.status();
  requests = *std::move(reader);
  withdrawn = false;
  absl::StatusOr<Descriptor> writer = OpenFifo(dir, name, O_WRONLY);
  if (!writer.ok()) return writer.status();
  own_writer = *std::move(writer);
  return absl::OkStatus();
}

// Clients remove their reply FIFOs, unless they are killed. A living client reads its own, so one
// without a reader, and not used for `age`, is left over from a dead one.
void PipeServer::Impl::RemoveDeadSessions(absl::Duration age) {
  next_look = Deadline(kDeadSessionsEvery);
  DIR* listing = fdopendir(openat(dir.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (listing == nullptr) return;
  absl::Cleanup close_listing = [listing] { closedir(listing); };
  while (const dirent* entry = readdir(listing)) {
    if (!IsReplyName(store, entry->d_name)) continue;
    struct stat info;
    if (fstatat(dir.fd.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const absl::Duration used = absl::DurationFromTimespec(info.st_mtim);
    if (absl::Nanoseconds(UnixNanos()) - used < age) continue;
    absl::StatusOr<Descriptor> writer = OpenFifo(dir, entry->d_name, O_WRONLY);
    if (writer.ok() && !writer->valid()) unlinkat(dir.fd.get(), entry->d_name, 0);
  }
}

absl::StatusOr<std::string> PipeServer::Impl::ReadRequests() {
  // Until the FIFO is empty: a read that fills the buffer may have stopped inside a client's write.
  std::string bytes;
  while (bytes.size() < kMaxBurstBytes) {
    const size_t before = bytes.size();
    bytes.resize(before + kReadBytes);
    const ssize_t got = read(requests.get(), &bytes[before], kReadBytes);
    bytes.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got == static_cast<ssize_t>(kReadBytes) || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno != EAGAIN) return LastError("cannot read from the request FIFO");
    break;
  }
  return bytes;
}

bool PipeServer::Impl::WriteSome(UnderWay* answer) {
  while (answer->written < answer->bytes.size()) {
    const ssize_t written =
        WriteToPipe(answer->fifo.get(), absl::string_view(answer->bytes).substr(answer->written));
    if (written >= 0) {
      answer->written += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      return errno != EAGAIN;
    }
  }
  return true;
}

absl::StatusOr<PipeServer::Impl::Ready> PipeServer::Impl::Poll(absl::Duration timeout,
                                                               bool for_requests) {
  std::vector<struct pollfd> polled;
  std::vector<uint64_t> sessions;
  for (auto it = under_way.begin(); it != under_way.end();) {
    if (it->second.deadline.Passed()) {
      it = under_way.erase(it);
      continue;
    }
    timeout = std::min(timeout, it->second.deadline.Left());
    polled.push_back({it->second.fifo.get(), POLLOUT, 0});
    sessions.push_back(it->first);
    ++it;
  }
  if (for_requests) {
    polled.push_back({requests.get(), POLLIN, 0});
    polled.push_back({wake.get(), POLLIN, 0});
  }
  Ready ready;
  if (polled.empty()) return ready;
  if (poll(polled.data(), polled.size(), PollTimeout(timeout)) < 0) {
    if (errno == EINTR) return ready;
    return LastError("cannot wait for requests");
  }
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (polled[i].revents == 0) continue;
    const auto it = under_way.find(sessions[i]);
    if (WriteSome(&it->second)) under_way.erase(it);
  }
  if (for_requests) {
    ready.request = polled[sessions.size()].revents != 0;
    ready.wake = polled[sessions.size() + 1].revents != 0;
  }
  return ready;
}

PipeServer::PipeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeServer::~PipeServer() { Withdraw(); }

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Create(absl::string_view store) {
  absl::StatusOr<RuntimeDir> dir = OpenOrCreateRuntimeDir();
  if (!dir.ok()) return dir.status();
  // From here on whatever fails takes away what was made.
  std::unique_ptr<PipeServer> server(
      new PipeServer(std::make_unique<Impl>(store, *std::move(dir))));
  Impl& impl = *server->impl_;
  impl.wake = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl.wake.valid()) return LastError("cannot make an event");
  impl.RemoveDeadSessions(absl::ZeroDuration());  // the last daemon's clients wait for nothing
  absl::Status made = impl.MakeRequestFifo();
  if (!made.ok()) return made;
  return server;
}

absl::StatusOr<absl::optional<PipeServer::Request>> PipeServer::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  do {
    absl::StatusOr<Impl::Ready> ready = impl_->Poll(deadline.Left(), /*for_requests=*/true);
    if (!ready.ok()) return ready.status();
    if (ready->wake) {
      uint64_t count;
      [[maybe_unused]] const ssize_t cleared = read(impl_->wake.get(), &count, sizeof(count));
      return absl::nullopt;
    }
    if (ready->request) {
      absl::StatusOr<std::string> bytes = impl_->ReadRequests();
      if (!bytes.ok()) return bytes.status();
      return Request{0, *std::move(bytes)};
    }
  } while (!deadline.Passed());
  // Now that no request is waiting to be answered: to a client, the look is an answer that ends
  // before it began.
  if (impl_->next_look.Passed()) impl_->RemoveDeadSessions(kDeadSessionAge);
  return absl::nullopt;
}

absl::Status PipeServer::Answer(uint64_t, uint64_t session, std::string bytes,
                                absl::Duration timeout) {
  if (impl_->under_way.count(session) != 0) {
    return absl::UnavailableError("the client has not taken its last answer");
  }
  const std::string name = ReplyName(impl_->store, session);
  absl::StatusOr<Descriptor> fifo = OpenFifo(impl_->dir, name, O_WRONLY);
  if (!fifo.ok()) {
    if (!absl::IsNotFound(fifo.status())) return fifo.status();
    return absl::UnavailableError("the client is gone");
  }
  if (!fifo->valid()) {
    unlinkat(impl_->dir.fd.get(), name.c_str(), 0);
    impl_->next_look = Deadline(absl::ZeroDuration());  // it may not be the only one
    return absl::UnavailableError("the client is gone");
  }
  Impl::UnderWay answer{*std::move(fifo), std::move(bytes), 0, Deadline(timeout)};
  if (Impl::WriteSome(&answer)) return absl::OkStatus();
  // Asked only now: those who do not read are in nobody's way whose answer goes out at once.
  if (impl_->under_way.size() >= kMaxAnswersUnderWay) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxAnswersUnderWay, " clients have not taken their answers, the limit"));
  }
  impl_->under_way.emplace(session, std::move(answer));
  return absl::OkStatus();
}

void PipeServer::Withdraw() {
  if (std::exchange(impl_->withdrawn, true)) return;
  // What others have put in its place since is theirs.
  RemoveIfLeadsTo(impl_->dir.fd.get(), RequestName(impl_->store), IdOf(impl_->requests.get()))
      .IgnoreError();
}

void PipeServer::Drain() {
  while (!impl_->under_way.empty()) {
    if (!impl_->Poll(absl::InfiniteDuration(), /*for_requests=*/false).ok()) return;
  }
}

void PipeServer::Wake() {
  const uint64_t one = 1;
  const int before = errno;  // of what a signal handler interrupted
  [[maybe_unused]] const ssize_t told = write(impl_->wake.get(), &one, sizeof(one));
  errno = before;
}

struct PipeClient::Impl {
  explicit Impl(RuntimeDir dir) : dir(std::move(dir)) {}
  ~Impl() {
    if (answer.valid()) unlinkat(dir.fd.get(), reply_name.c_str(), 0);
  }
  // Waits until `events` may be had of one of the two FIFOs; errors as PipeClient::Receive.
  absl::Status Wait(const Deadline& deadline, short request_events, short answer_events);

  const RuntimeDir dir;
  std::string store;
  uint64_t session = 0;
  std::string reply_name;
  Descriptor request;
  Descriptor answer;
};

namespace {

absl::Status NoDaemon(absl::string_view store, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("store '", store, "' has no daemon (", why,
                   "): start cubbyd, or set CUBBY_RUNTIME_DIR as it has"));
}

absl::Status DaemonWent(absl::string_view store) {
  return absl::UnavailableError(
      absl::StrCat("the daemon of store '", store, "' went away before it answered: restart it"));
}

absl::Status NoAnswerInTime(absl::string_view store) {
  return absl::DeadlineExceededError(
      absl::StrCat("the daemon of store '", store, "' did not answer in time: allow more time"));
}

}  // namespace

PipeClient::PipeClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeClient::~PipeClient() = default;
uint64_t PipeClient::session() const { return impl_->session; }

absl::StatusOr<std::unique_ptr<PipeClient>> PipeClient::Connect(absl::string_view store,
                                                                absl::Duration) {
  absl::StatusOr<RuntimeDir> dir = OpenRuntimeDir();
  if (absl::IsNotFound(dir.status())) {
    return NoDaemon(store, absl::StrCat("there is no ", RuntimeDirPath()));
  }
  if (!dir.ok()) return dir.status();
  auto impl = std::make_unique<Impl>(*std::move(dir));
  impl->store = std::string(store);

  const std::string path = absl::StrCat(impl->dir.path, "/", RequestName(store));
  absl::StatusOr<Descriptor> request = OpenFifo(impl->dir, RequestName(store), O_WRONLY);
  if (absl::IsNotFound(request.status())) {
    return NoDaemon(store, absl::StrCat("there is no ", path));
  }
  if (!request.ok()) return request.status();
  if (!request->valid()) return NoDaemon(store, absl::StrCat("nobody reads ", path));
  impl->request = *std::move(request);

  impl->session = RandomBits();
  impl->reply_name = ReplyName(store, impl->session);
  if (mkfifoat(impl->dir.fd.get(), impl->reply_name.c_str(), 0600) != 0) {
    return LastError(absl::StrCat("cannot make the FIFO ", impl->dir.path, "/", impl->reply_name));
  }
  // Open before any request is sent: a reply FIFO that nobody reads is soon taken for a dead
  // client's.
  absl::StatusOr<Descriptor> answer = OpenFifo(impl->dir, impl->reply_name, O_RDONLY);
  if (!answer.ok()) {
    unlinkat(impl->dir.fd.get(), impl->reply_name.c_str(), 0);
    // Taken away by a daemon that started meanwhile, or after this process had slept for long.
    return absl::IsNotFound(answer.status()) ? DaemonWent(store) : answer.status();
  }
  impl->answer = *std::move(answer);
  return std::unique_ptr<PipeClient>(new PipeClient(std::move(impl)));
}

absl::Status PipeClient::Impl::Wait(const Deadline& deadline, short request_events,
                                    short answer_events) {
  for (;;) {
    // POLLERR, which is always reported, on the request FIFO: the daemon, its only reader, is gone.
    struct pollfd polled[] = {{request.get(), request_events, 0}, {answer.get(), answer_events, 0}};
    const int ready = poll(polled, answer_events != 0 ? 2 : 1, PollTimeout(deadline.Left()));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return LastError("cannot wait for the daemon");
    if (deadline.Passed()) return NoAnswerInTime(store);
  }
}

absl::Status PipeClient::Send(absl::string_view request, absl::Duration timeout) {
  const Deadline deadline(timeout);
  for (;;) {
    const ssize_t written = WriteToPipe(impl_->request.get(), request);
    if (written == static_cast<ssize_t>(request.size())) return absl::OkStatus();
    if (written >= 0) return absl::InternalError("the request FIFO took a part of a request");
    if (errno == EPIPE) return DaemonWent(impl_->store);
    if (errno != EAGAIN && errno != EINTR) return LastError("cannot write to the request FIFO");
    absl::Status room = impl_->Wait(deadline, POLLOUT, 0);
    if (!room.ok()) return room;
  }
}

absl::StatusOr<std::string> PipeClient::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  for (;;) {
    absl::Status ready = impl_->Wait(deadline, 0, POLLIN);
    if (!ready.ok()) return ready;
    // Something came, or one of the two ends is gone. What was sent before that comes first.
    std::string bytes(kReadBytes, '\0');
    const ssize_t got = read(impl_->answer.get(), &bytes[0], bytes.size());
    if (got > 0) {
      bytes.resize(static_cast<size_t>(got));
      return bytes;
    }
    if (got == 0 || errno == EAGAIN) return DaemonWent(impl_->store);
    if (errno != EINTR) return LastError("cannot read from the reply FIFO");
  }
}

}  // namespace cubby::os
