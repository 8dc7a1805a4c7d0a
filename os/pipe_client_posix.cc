#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/descriptor_posix.h"
#include "os/envelope_posix.h"
#include "os/errors.h"
#include "os/fifo_posix.h"
#include "os/pipe_client.h"
#include "os/process.h"
#include "os/runtime_dir_posix.h"

namespace cubby::os {

struct PipeClient::Impl {
  explicit Impl(RuntimeDir dir) : dir(std::move(dir)) {}
  ~Impl() {
    if (answer.valid()) unlinkat(dir.fd.get(), reply_name.c_str(), 0);
  }
  // Makes the reply FIFO and opens it. Unavailable if another process removed it in between.
  absl::Status OpenReplyFifo();
  // Waits until one of the two FIFOs has one of its `events`; errors as PipeClient::Receive().
  absl::Status Wait(const Deadline& deadline, short request_events, short answer_events);

  const RuntimeDir dir;
  std::string store;
  uint64_t reply_to = 0;
  std::string reply_name;
  Descriptor request;
  Descriptor answer;
};

namespace {

absl::Status NoDaemon(absl::string_view store, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("store '", store, "' has no daemon (", why,
                   "): start cubbyd, or set CUBBY_RUNTIME_DIR to the daemon's"));
}

absl::Status DaemonWent(absl::string_view store) {
  return absl::UnavailableError(
      absl::StrCat("the daemon of store '", store, "' went away before it answered: restart it"));
}

absl::Status NoAnswerInTime(absl::string_view store) {
  return absl::DeadlineExceededError(
      absl::StrCat("the daemon of store '", store, "' did not answer in time: allow more time"));
}

// Opens the daemon's request FIFO; errors as PipeClient::Connect().
absl::StatusOr<Descriptor> OpenRequestFifo(const RuntimeDir& dir, absl::string_view store) {
  const std::string name = RequestFifoName(store);
  absl::StatusOr<Descriptor> request = OpenFifo(dir, name, O_WRONLY);
  if (request.ok() ? request->valid() : !absl::IsNotFound(request.status())) return request;
  const absl::StatusOr<Descriptor> old = OpenFifo(dir, OldRequestFifoName(store), O_WRONLY);
  if (old.ok() && old->valid()) {
    return absl::UnimplementedError(
        absl::StrCat("the daemon of store '", store,
                     "' speaks control protocol 1, which this program does not: use the same cubby "
                     "version as its cubbyd"));
  }
  return NoDaemon(store, absl::StrCat(request.ok() ? "no process reads " : "there is no ", dir.path,
                                      "/", name));
}

}  // namespace

PipeClient::PipeClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PipeClient::~PipeClient() = default;

absl::Status PipeClient::Impl::OpenReplyFifo() {
  reply_to = RandomBits();
  reply_name = ReplyFifoName(store, reply_to);
  absl::Status made = MakeFifo(dir, reply_name);
  if (made.ok()) {
    // Opened before any request is sent: the daemon removes a reply FIFO without a reader.
    absl::StatusOr<Descriptor> opened = OpenFifo(dir, reply_name, O_RDONLY);
    if (opened.ok()) {
      answer = *std::move(opened);
      return absl::OkStatus();
    }
    made = opened.status();
  }
  unlinkat(dir.fd.get(), reply_name.c_str(), 0);
  return absl::IsNotFound(made) ? DaemonWent(store) : made;
}

absl::StatusOr<std::unique_ptr<PipeClient>> PipeClient::Connect(absl::string_view store,
                                                                absl::Duration timeout) {
  const Deadline deadline(timeout);
  absl::StatusOr<RuntimeDir> dir = OpenRuntimeDir();
  if (absl::IsNotFound(dir.status())) {
    return NoDaemon(store, absl::StrCat("there is no ", RuntimeDirPath()));
  }
  RETURN_IF_ERROR(dir.status());
  auto impl = std::make_unique<Impl>(*std::move(dir));
  impl->store = std::string(store);
  ASSIGN_OR_RETURN(impl->request, OpenRequestFifo(impl->dir, store));

  // A daemon that starts removes what has no reader yet. Nothing was asked, so that is no failure.
  absl::Status opened = impl->OpenReplyFifo();
  while (absl::IsUnavailable(opened) && !deadline.Passed()) opened = impl->OpenReplyFifo();
  RETURN_IF_ERROR(opened);
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
  const std::string envelope = MakeEnvelope(impl_->reply_to, request);
  for (;;) {
    const ssize_t written = WriteToFifo(impl_->request.get(), envelope);
    if (written == static_cast<ssize_t>(envelope.size())) return absl::OkStatus();
    if (written >= 0) return absl::InternalError("the request FIFO took a part of a request");
    if (errno == EPIPE) return DaemonWent(impl_->store);
    if (errno != EAGAIN && errno != EINTR) return LastError("cannot write to the request FIFO");
    RETURN_IF_ERROR(impl_->Wait(deadline, POLLOUT, 0));
  }
}

absl::StatusOr<std::string> PipeClient::Receive(absl::Duration timeout) {
  const Deadline deadline(timeout);
  for (;;) {
    RETURN_IF_ERROR(impl_->Wait(deadline, 0, POLLIN));
    // Bytes came, or one of the two ends is gone. Bytes that were sent before that come first.
    std::string bytes(kFifoBytes, '\0');
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
