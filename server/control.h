// Answers what administrators ask on the control channel (proto/control.proto).
#ifndef CUBBY_SERVER_CONTROL_H_
#define CUBBY_SERVER_CONTROL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/stats.h"
#include "os/pipe.h"
#include "proto/control.pb.h"
#include "server/owned_store.h"

namespace cubby::server {

// Used by the daemon's one thread.
class Control {
 public:
  // `stop_requested` tells, from some moment on for good, that the process is asked to end. All
  // outlive this, but for the store: once that or shutdown_requested() is true, it may go.
  Control(OwnedStore* store, os::PipeServer* pipe, std::function<bool()> stop_requested);

  // Answers every request in `received`, skipping what is none. Takes as long as the longest of
  // them: a flush, or a check of the whole table, which both end early when the daemon is to stop.
  // From then on every request but that for a shutdown is refused with Unavailable.
  void Handle(const os::PipeServer::Request& received);

  // True once somebody has asked for the daemon's end. Who did is answered by ConfirmShutdown(),
  // when that has come.
  bool shutdown_requested() const { return shutdown_requested_; }
  void ConfirmShutdown();

 private:
  struct Shutdown {
    uint64_t connection;
    control::Request request;
  };

  // True if the client has stopped waiting. It was told that there was no answer, and may have gone
  // on with that.
  static bool TooLate(const control::Request& request);
  // Unavailable if the daemon is stopping, DeadlineExceeded if it is too late.
  absl::Status StillWanted(const control::Request& request) const;
  // Takes the writer lock as long as the request is wanted; DeadlineExceeded if another keeps it.
  absl::Status AcquireFor(const control::Request& request);

  // The answer to a request; protocol and request_id are the caller's to set.
  control::Response AnswerTo(const control::Request& request);
  void FillInfo(control::InfoResponse* info) const;
  void FillStats(control::StatsResponse* stats) const;
  absl::Status Flush(const control::Request& request, control::FlushResponse* flush);
  absl::Status Check(const control::Request& request, control::CheckResponse* check);
  void Send(uint64_t connection, const control::Request& request, control::Response response);

  OwnedStore& store_;
  os::PipeServer& pipe_;
  const std::function<bool()> stop_requested_;
  const std::string name_;  // of the store, which may be gone
  const uint64_t started_ns_;
  DaemonCounts counts_;
  bool shutdown_requested_ = false;
  std::vector<Shutdown> shutdowns_;  // not answered yet
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CONTROL_H_
