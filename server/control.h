// Answers what administrators ask on the control channel (proto/control.proto).
#ifndef CUBBY_SERVER_CONTROL_H_
#define CUBBY_SERVER_CONTROL_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "os/pipe.h"
#include "proto/control.pb.h"
#include "server/owned_store.h"

namespace cubby::server {

// Used by the daemon's one thread.
class Control {
 public:
  // Both outlive this, but for the store: it may go before ConfirmShutdown() is called.
  Control(OwnedStore* store, os::PipeServer* pipe);

  // Answers every request in `received`, skipping what is none. Takes as long as the longest of
  // them: a flush, or a check of the whole table.
  void Handle(const os::PipeServer::Request& received);

  // True once somebody has asked for the daemon's end. They are answered by ConfirmShutdown(), when
  // that has come.
  bool shutdown_requested() const { return !shutdowns_.empty(); }
  void ConfirmShutdown();

 private:
  struct Shutdown {
    uint64_t connection;
    control::Request request;
  };

  // DeadlineExceeded if the client has stopped waiting: it was told that nothing was done, and may
  // have gone on with that.
  absl::Status StillWanted(const control::Request& request) const;

  // The answer to a request; protocol and request_id are the caller's to set.
  control::Response AnswerTo(const control::Request& request);
  void FillInfo(control::InfoResponse* info) const;
  void FillStats(control::StatsResponse* stats) const;
  absl::Status Flush(control::FlushResponse* flush);
  absl::Status Check(control::CheckResponse* check);
  void Send(uint64_t connection, const control::Request& request, control::Response response);

  OwnedStore& store_;
  os::PipeServer& pipe_;
  const std::string name_;  // of the store, which may be gone
  const uint64_t started_ns_;
  uint64_t requests_ = 0;
  uint64_t rejected_ = 0;
  std::vector<Shutdown> shutdowns_;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CONTROL_H_
