#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/descriptor_posix.h"
#include "os/envelope_posix.h"
#include "os/errors.h"
#include "os/fifo_posix.h"
#include "os/file_id_posix.h"
#include "os/pipe.h"
#include "os/pipe_server.h"
#include "os/runtime_dir_posix.h"

namespace cubby::os {
namespace {

static_assert(kEnvelopeBytes + kMaxRequestBytes <= PIPE_BUF, "longer writes are not atomic");

// The largest size that an unprivileged user may give a FIFO.
constexpr size_t kMaxBurstBytes = 1 << 20;
// How many unfinished answers there can be. Each administrator's tool has one; a hundred at once
// means trouble.
constexpr size_t kMaxUnfinished = 100;
// How often to look for the reply FIFOs of killed clients.
constexpr absl::Duration kCleanUpEvery = absl::Minutes(1);

}  // namespace

struct PipeServer::Impl {
  struct Unfinished {
    Descriptor fifo;
    std::string bytes;
    size_t written = 0;
    Deadline deadline;
  };

  Impl(absl::string_view store, RuntimeDir dir) : store(store), dir(std::move(dir)) {}
  // Without a channel.
  static absl::StatusOr<std::unique_ptr<Impl>> New(absl::string_view store);

  absl::Status MakeRequestFifo(const RuntimeDir& in);
  // Opens the FIFO that another process reads, or makes one if there is none.
  absl::Status JoinRequestFifo();
  void RemoveLeftovers(absl::Duration age);
  absl::Status ReadRequests(const Descriptor& from);
  // Writes as much as fits. Returns true if the answer is complete or the client is gone.
  static bool WriteSome(Unfinished* answer);
  // Waits at most `timeout` for room in reply FIFOs and, if `for_requests`, for requests and
  // Wake(); returns which of the latter two came.
  struct Ready {
    bool request = false;
    bool lost_request = false;  // in lost_requests
    bool wake = false;
  };
  absl::StatusOr<Ready> Poll(absl::Duration timeout, bool for_requests);

  const std::string store;
  struct RequestFifo {
    Descriptor reader;
    Descriptor own_writer;  // keeps `reader` from reporting an end whenever the last client goes
  };

  RuntimeDir dir;
  RequestFifo requests;
  RequestFifo lost_requests;  // those of clients that had connected when the name was lost
  Descriptor wake;
  bool withdrawn = true;  // until the name is made
  bool paused = false;
  std::deque<Request> received;  // and not yet returned by Receive()
  uint64_t rejected = 0;
  std::map<uint64_t, Unfinished> unfinished;  // by reply_to
  Deadline next_clean_up{kCleanUpEvery};
};

absl::Status PipeServer::Impl::MakeRequestFifo(const RuntimeDir& in) {
  const std::string name = RequestFifoName(store);
  const std::string path = absl::StrCat(in.path, "/", name);
  // Of two daemons of stores of one name, each with a /dev/shm of its own, one comes first.
  RETURN_IF_ERROR(LockRuntimeDir(in));
  absl::Cleanup unlock = [&in] { flock(in.fd.get(), LOCK_UN); };
  const absl::StatusOr<Descriptor> read = OpenFifo(in, name, O_WRONLY);
  if (read.ok() && read->valid()) {
    return absl::AlreadyExistsError(
        absl::StrCat("a process reads ", path,
                     ", another cubbyd for this name: start again when it has ended (within a "
                     "second, if its store was removed), or, if it serves another /dev/shm, give "
                     "each a CUBBY_RUNTIME_DIR of its own"));
  }
  // A FIFO of an ended daemon is not used again: clients may have left requests in it.
  RETURN_IF_ERROR(RemoveOwnFifo(in, name));
  RETURN_IF_ERROR(MakeFifo(in, name));
  RequestFifo made;
  ASSIGN_OR_RETURN(made.reader, OpenFifo(in, name, O_RDONLY));
  ASSIGN_OR_RETURN(made.own_writer, OpenFifo(in, name, O_WRONLY));
  lost_requests = std::move(requests);
  requests = std::move(made);
  withdrawn = false;
  return absl::OkStatus();
}

absl::Status PipeServer::Impl::JoinRequestFifo() {
  const std::string name = RequestFifoName(store);
  absl::StatusOr<Descriptor> reader = OpenFifo(dir, name, O_RDONLY);
  if (absl::IsNotFound(reader.status())) return MakeRequestFifo(dir);
  RETURN_IF_ERROR(reader.status());
  ASSIGN_OR_RETURN(requests.own_writer, OpenFifo(dir, name, O_WRONLY));
  requests.reader = *std::move(reader);
  withdrawn = false;
  return absl::OkStatus();
}

// A client removes its reply FIFO unless it is killed. A running client reads its own, so a reply
// FIFO without a reader, and not used for `age`, is left over.
void PipeServer::Impl::RemoveLeftovers(absl::Duration age) {
  next_clean_up = Deadline(kCleanUpEvery);
  const Listing listing = ListRuntimeDir(dir);
  if (listing == nullptr) return;
  while (const dirent* entry = readdir(listing.get())) {
    if (!IsReplyFifoName(store, entry->d_name)) continue;
    if (IsUnread(dir, entry->d_name, age)) unlinkat(dir.fd.get(), entry->d_name, 0);
  }
}

absl::Status PipeServer::Impl::ReadRequests(const Descriptor& from) {
  // Until the FIFO is empty: a read that fills the buffer may have stopped inside a client's write.
  std::string bytes;
  while (bytes.size() < kMaxBurstBytes) {
    const size_t before = bytes.size();
    bytes.resize(before + kFifoBytes);
    const ssize_t got = read(from.get(), &bytes[before], kFifoBytes);
    bytes.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got == static_cast<ssize_t>(kFifoBytes) || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno != EAGAIN) return LastError("cannot read from the request FIFO");
    break;
  }
  OpenedEnvelopes opened = OpenEnvelopes(bytes);
  std::move(opened.requests.begin(), opened.requests.end(), std::back_inserter(received));
  rejected += opened.rejected;
  return absl::OkStatus();
}

bool PipeServer::Impl::WriteSome(Unfinished* answer) {
  while (answer->written < answer->bytes.size()) {
    const ssize_t written =
        WriteToFifo(answer->fifo.get(), absl::string_view(answer->bytes).substr(answer->written));
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
  std::vector<uint64_t> replies;
  for (auto it = unfinished.begin(); it != unfinished.end();) {
    if (it->second.deadline.Passed()) {
      it = unfinished.erase(it);
      continue;
    }
    timeout = std::min(timeout, it->second.deadline.Left());
    polled.push_back({it->second.fifo.get(), POLLOUT, 0});
    replies.push_back(it->first);
    ++it;
  }
  if (for_requests) {
    // A negative descriptor is ignored.
    polled.push_back({paused ? -1 : requests.reader.get(), POLLIN, 0});
    polled.push_back({paused ? -1 : lost_requests.reader.get(), POLLIN, 0});
    polled.push_back({wake.get(), POLLIN, 0});
  }
  Ready ready;
  if (polled.empty()) return ready;
  if (poll(polled.data(), polled.size(), PollTimeout(timeout)) < 0) {
    if (errno == EINTR) return ready;
    return LastError("cannot wait for requests");
  }
  for (size_t i = 0; i < replies.size(); ++i) {
    if (polled[i].revents == 0) continue;
    const auto it = unfinished.find(replies[i]);
    if (WriteSome(&it->second)) unfinished.erase(it);
  }
  if (for_requests) {
    ready.request = polled[replies.size()].revents != 0;
    ready.lost_request = polled[replies.size() + 1].revents != 0;
    ready.wake = polled[replies.size() + 2].revents != 0;
  }
  return ready;
}

PipeServer::PipeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeServer::~PipeServer() { Withdraw(); }

absl::StatusOr<std::unique_ptr<PipeServer::Impl>> PipeServer::Impl::New(absl::string_view store) {
  ASSIGN_OR_RETURN(RuntimeDir dir, OpenOrCreateRuntimeDir());
  auto impl = std::make_unique<Impl>(store, std::move(dir));
  impl->wake = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl->wake.valid()) return LastError("cannot make an event");
  return impl;
}

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Join(absl::string_view store) {
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::New(store));
  RETURN_IF_ERROR(impl->JoinRequestFifo());
  return std::unique_ptr<PipeServer>(new PipeServer(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<PipeServer>> PipeServer::Create(absl::string_view store) {
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> made, Impl::New(store));
  // From here on an error removes what was made.
  std::unique_ptr<PipeServer> server(new PipeServer(std::move(made)));
  Impl& impl = *server->impl_;
  RETURN_IF_ERROR(impl.MakeRequestFifo(impl.dir));
  // Clients of the store's last daemon wait for nothing any more.
  impl.RemoveLeftovers(absl::ZeroDuration());
  const absl::StatusOr<Descriptor> old = OpenFifo(impl.dir, OldRequestFifoName(store), O_WRONLY);
  if (old.ok() && !old->valid()) {
    RemoveOwnFifo(impl.dir, OldRequestFifoName(store)).IgnoreError();
  }
  return server;
}

absl::StatusOr<absl::optional<PipeServer::Request>> PipeServer::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  do {
    // Even if requests are there already: answers go on, and a Wake() comes first.
    ASSIGN_OR_RETURN(const Impl::Ready ready,
                     impl_->Poll(impl_->received.empty() ? deadline.Left() : absl::ZeroDuration(),
                                 /*for_requests=*/true));
    if (ready.wake) {
      uint64_t count;
      [[maybe_unused]] const ssize_t cleared = read(impl_->wake.get(), &count, sizeof(count));
      return absl::nullopt;
    }
    if (impl_->received.empty() && ready.lost_request) {
      RETURN_IF_ERROR(impl_->ReadRequests(impl_->lost_requests.reader));
    }
    if (impl_->received.empty() && ready.request) {
      RETURN_IF_ERROR(impl_->ReadRequests(impl_->requests.reader));
    }
    if (!impl_->received.empty()) {
      Request next = std::move(impl_->received.front());
      impl_->received.pop_front();
      return next;
    }
  } while (!deadline.Passed());
  // Only while no request is waiting: to a client, the check for a reader is an answer that ends
  // before it began.
  if (impl_->next_clean_up.Passed()) impl_->RemoveLeftovers(kLeftoverAge);
  return absl::nullopt;
}

absl::Status PipeServer::Answer(uint64_t reply_to, std::string bytes, absl::Duration timeout) {
  if (impl_->unfinished.count(reply_to) != 0) {
    return absl::UnavailableError("the client has not taken its last answer");
  }
  const std::string name = ReplyFifoName(impl_->store, reply_to);
  absl::StatusOr<Descriptor> fifo = OpenFifo(impl_->dir, name, O_WRONLY);
  if (absl::IsNotFound(fifo.status())) return absl::UnavailableError("the client is gone");
  RETURN_IF_ERROR(fifo.status());
  if (!fifo->valid()) {
    unlinkat(impl_->dir.fd.get(), name.c_str(), 0);
    impl_->next_clean_up = Deadline(absl::ZeroDuration());  // there may be others
    return absl::UnavailableError("the client is gone");
  }
  Impl::Unfinished answer{*std::move(fifo), std::move(bytes), 0, Deadline(timeout)};
  if (Impl::WriteSome(&answer)) return absl::OkStatus();
  // Checked only now: clients that do not read must not keep an answer from a client that does.
  if (impl_->unfinished.size() >= kMaxUnfinished) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxUnfinished, " clients have not taken their answers, the limit"));
  }
  impl_->unfinished.emplace(reply_to, std::move(answer));
  return absl::OkStatus();
}

// A request holds nothing here until it is answered.
void PipeServer::Dismiss(uint64_t) {}

void PipeServer::Withdraw() {
  if (std::exchange(impl_->withdrawn, true)) return;
  // Not a FIFO that another program has put in its place.
  RemoveIfLeadsTo(impl_->dir.fd.get(), RequestFifoName(impl_->store),
                  IdOf(impl_->requests.reader.get()))
      .IgnoreError();
}

void PipeServer::Pause() { impl_->paused = true; }
void PipeServer::Resume() { impl_->paused = false; }

void PipeServer::Leave() {
  impl_->withdrawn = true;
  impl_->requests = {};
  impl_->paused = false;
}

bool PipeServer::HasClients() const {
  return !impl_->received.empty() || !impl_->unfinished.empty();
}

absl::Status PipeServer::CheckName() const {
  // The directory may have been removed, or another one put in its place.
  const RuntimeDir& dir = impl_->dir;
  RETURN_IF_ERROR(CheckLeadsTo(AT_FDCWD, dir.path, IdOf(dir.fd.get()), dir.path));
  const std::string name = RequestFifoName(impl_->store);
  return CheckLeadsTo(dir.fd.get(), name, IdOf(impl_->requests.reader.get()),
                      absl::StrCat(dir.path, "/", name));
}

absl::StatusOr<std::string> PipeServer::Restore() {
  const absl::Status lost = impl_->withdrawn ? absl::OkStatus() : CheckName();
  if (lost.ok()) return "";
  ASSIGN_OR_RETURN(RuntimeDir dir, OpenOrCreateRuntimeDir());
  RETURN_IF_ERROR(impl_->MakeRequestFifo(dir));
  impl_->dir = std::move(dir);
  return std::string(lost.message());
}

void PipeServer::Drain() {
  while (!impl_->unfinished.empty()) {
    if (!impl_->Poll(absl::InfiniteDuration(), /*for_requests=*/false).ok()) return;
  }
}

void PipeServer::Wake() {
  const uint64_t one = 1;
  const int before = errno;  // a signal handler must keep it
  [[maybe_unused]] const ssize_t told = write(impl_->wake.get(), &one, sizeof(one));
  errno = before;
}

uint64_t PipeServer::rejected() const { return impl_->rejected; }

}  // namespace cubby::os
