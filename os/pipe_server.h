// The daemon's end of the control channel (os/pipe.h).
//
//   ASSIGN_OR_RETURN(auto server, os::PipeServer::Create("jobs"));
//   ASSIGN_OR_RETURN(auto request, server->Receive(absl::Seconds(1)));
//   if (request.has_value()) {
//     server->Answer(request->reply_to, "fine", absl::Seconds(5)).IgnoreError();
//   }
//
// For one thread, but for Wake(), which any thread and any signal handler may call.
#ifndef CUBBY_OS_PIPE_SERVER_H_
#define CUBBY_OS_PIPE_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace cubby::os {

class PipeServer {
 public:
  struct Request {
    uint64_t reply_to;  // names the client to Answer() and Dismiss()
    std::string bytes;  // of one PipeClient::Send(), or whatever another program sent
  };

  // Creates the store's channel. REQUIRES: the caller holds the store's kDaemonSeat (lock/seats.h),
  // so that a channel of that name that nobody serves belongs to a daemon that has ended, and can
  // be replaced. AlreadyExists if a process serves it: the daemon of another store of the same
  // name, which a container with a /dev/shm of its own can have (Linux). FailedPrecondition or
  // PermissionDenied, naming the object, if an object that is not a channel of this user has the
  // name.
  static absl::StatusOr<std::unique_ptr<PipeServer>> Create(absl::string_view store);
  // Joins the store's channel beside the process that serves it, for a daemon that takes the store
  // over from that process: clients find the channel all the while. On Linux the two share the
  // request FIFO, on Windows each has instances of the pipe. Makes the channel as Create() does if
  // its name is gone. REQUIRES: the caller holds the store's kDaemonSeat, and the other process its
  // kHandOverSeat.
  static absl::StatusOr<std::unique_ptr<PipeServer>> Join(absl::string_view store);
  // Withdraws the channel and drops unfinished answers.
  ~PipeServer();
  PipeServer(const PipeServer&) = delete;
  PipeServer& operator=(const PipeServer&) = delete;

  // Returns the next request; waits for it at most `timeout`. Returns nullopt if none came, and
  // after a Wake(). Unavailable or ResourceExhausted if the system cannot wait just now, for want
  // of memory; other errors last. The caller must Answer() or Dismiss() every request, in any
  // order, at any later time. An idle call also removes, once a minute, what killed clients left
  // (Linux: reply FIFOs).
  absl::StatusOr<absl::optional<Request>> Receive(absl::Duration timeout);

  // Starts to send an answer; Receive() and Drain() continue it. Drops it if the client has not
  // taken all of it after `timeout`.
  // Unavailable if the client is gone, or has not taken its last answer yet; ResourceExhausted if
  // too many clients have not; PermissionDenied or FailedPrecondition if the reply FIFO is not one
  // of this user's.
  absl::Status Answer(uint64_t reply_to, std::string bytes, absl::Duration timeout);

  // Ends a request without an answer: its client may send another.
  void Dismiss(uint64_t reply_to);

  // Removes the channel's name, if it still leads to this channel: no client can connect any more.
  // Clients that are connected can still send requests and get answers.
  void Withdraw();

  // Until Resume(), Receive() returns only what has been taken from the channel before. All other
  // requests wait in the channel, where a process that joins it finds them (Linux) or where they
  // stay for this one (Windows).
  void Pause();
  void Resume();

  // Leaves the channel, paused before, to the process that has joined it: the name stays, and
  // clients that connect from now on find the other process. Receive() returns the requests that
  // only this process can receive, of clients that are connected to it.
  void Leave();
  // True while a client may still send a request to this process, or has not taken its answer.
  bool HasClients() const;

  // OK while clients that connect find this channel; NotFound if another process has removed its
  // name (Linux: the request FIFO or the runtime directory), AlreadyExists if the name leads to
  // something else. Always OK on Windows, where an open pipe keeps its name.
  absl::Status CheckName() const;

  // Makes the channel anew as far as it was lost: its name and the runtime directory (Linux), pipe
  // instances that could not go on (Windows). Requests of clients that have connected before are
  // still received. Returns what was lost, one line; "" if nothing was. Errors: those of Create().
  absl::StatusOr<std::string> Restore();

  // Waits until every answer is sent or dropped.
  void Drain();

  // Makes the current Receive(), or else the next one, return nullopt.
  void Wake();

  // How many stretches of received bytes were not a request. Always 0 on Windows, where the system
  // delivers each write by itself.
  uint64_t rejected() const;

 private:
  struct Impl;
  explicit PipeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_PIPE_SERVER_H_
