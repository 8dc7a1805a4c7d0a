// The control channel's transport: how an administrator's requests reach the daemon of a store, and
// answers come back. It carries bytes; what they mean is proto/frame.h's and proto/control.proto's
// business.
//
//               Linux, in the runtime directory    Windows
//   requests    FIFO NAME.control, shared by all   \\.\pipe\cubby.NAME, duplex, message type,
//   answers     FIFO NAME.reply.<session, 16 hex>  one instance per client
//
// What both promise:
// - A request is one write of at most kMaxRequestBytes, and arrives whole or not at all. Those of
//   many clients do not mix.
// - An answer is a stream of bytes of any length.
// - Only the user whose daemon it is can connect, and only to that user's daemon.
// - The daemon never waits for a client: answers go out while it waits for requests, and one that
//   is not taken by its deadline is dropped.
// - A client whose daemon is gone, or goes, is told at once.
#ifndef CUBBY_OS_PIPE_H_
#define CUBBY_OS_PIPE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace cubby::os {

// PIPE_BUF on Linux: writes to a FIFO up to this size do not mix with others'; some of one byte
// more did when tried.
inline constexpr size_t kMaxRequestBytes = 4096;

// The daemon's end. Used by one thread; Wake() may be called by any, and by a signal handler.
class PipeServer {
 public:
  struct Request {
    uint64_t connection;  // for Answer(): who sent it (Windows)
    // One or more whole writes of clients. What is incomplete at their end will never be completed.
    std::string bytes;
  };

  // Makes the channel of that store. REQUIRES: the caller holds the store's kDaemonSeat
  // (os/seats.h), so that a channel which is there already is a dead daemon's and can be replaced.
  // FailedPrecondition or PermissionDenied, naming it, if something that is not a channel of ours
  // has the name.
  static absl::StatusOr<std::unique_ptr<PipeServer>> Create(absl::string_view store);
  // Withdraws, and drops answers that are still under way.
  ~PipeServer();
  PipeServer(const PipeServer&) = delete;
  PipeServer& operator=(const PipeServer&) = delete;

  // Waits at most `timeout` for a request; nothing if there was none, or after a Wake(). When
  // there was none it takes away, once in a while, what killed clients left (Linux: their reply
  // FIFOs).
  absl::StatusOr<absl::optional<Request>> Receive(absl::Duration timeout);

  // Starts to send an answer to a request of `connection` that asked for it to go to `session`
  // (Linux); it goes on in Receive() and Drain(). Dropped if the client has not taken all of it
  // after `timeout`. Unavailable if the client is gone, or has not taken its last answer yet;
  // ResourceExhausted if too many clients have not; PermissionDenied if what has the reply FIFO's
  // name is not one of ours.
  absl::Status Answer(uint64_t connection, uint64_t session, std::string bytes,
                      absl::Duration timeout);

  // Takes the channel's name away, if it still leads here: no request comes in any more. Answers
  // can still be sent.
  void Withdraw();

  // Waits until no answer is under way, or all of those are dropped.
  void Drain();

  // Makes a Receive() that waits, or else the next one, return nothing.
  void Wake();

 private:
  struct Impl;
  explicit PipeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A client's end, for one answer to all that it sends. Used by one thread.
class PipeClient {
 public:
  // Unavailable if the store has no daemon; PermissionDenied if the channel is another user's;
  // DeadlineExceeded if the daemon has no place for another client by then.
  static absl::StatusOr<std::unique_ptr<PipeClient>> Connect(absl::string_view store,
                                                             absl::Duration timeout);
  ~PipeClient();
  PipeClient(const PipeClient&) = delete;
  PipeClient& operator=(const PipeClient&) = delete;

  // What Answer() must be told for the answer to arrive here.
  uint64_t session() const;

  // Sends one request. REQUIRES: 1 to kMaxRequestBytes bytes.
  // Unavailable if the daemon is gone; DeadlineExceeded.
  absl::Status Send(absl::string_view request, absl::Duration timeout);

  // The next bytes of the answer, at least one.
  // Unavailable if the daemon is gone, or has ended or dropped the answer; DeadlineExceeded.
  absl::StatusOr<std::string> Receive(absl::Duration timeout);

 private:
  struct Impl;
  explicit PipeClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_PIPE_H_
