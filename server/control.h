// Answers requests on the control channel (proto/control.proto): ping, info and stats at once,
// flush and check by a job (server/job.h), shutdown when the store is removed, replace when the
// store is handed over (server/hand_over.h).
#ifndef CUBBY_SERVER_CONTROL_H_
#define CUBBY_SERVER_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "base/stats.h"
#include "os/pipe_server.h"
#include "proto/control.pb.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/owned_store.h"
#include "server/recorder.h"
#include "server/request_job.h"

namespace cubby::server {

// Used by the daemon's one thread.
class Control {
 public:
  // All outlive this, except the store: it may be destroyed after Stop(). Requests add to `jobs`.
  Control(OwnedStore* store, os::PipeServer* pipe, Jobs* jobs, JobLock* lock, Recorder* recorder);

  // Answers the requests in `received`, or adds jobs that answer them; skips and counts bytes that
  // are not a request.
  void Handle(const os::PipeServer::Request& received);

  // True once a client has requested a shutdown. ConfirmShutdown() answers these requests.
  bool shutdown_requested() const { return shutdown_requested_; }
  // True if all of these clients want the store to stay.
  bool keep_requested() const { return keep_requested_; }
  void ConfirmShutdown();

  // True once a process has asked to be let in as the daemon's successor and all flushes and checks
  // are done. Until then others are put off to the successor, whose request fails at its deadline.
  bool hand_over_due();
  // Lets the successor in: answers its request, and asks all other clients from now on to ask
  // again. Error: it is gone.
  absl::Status LetSuccessorIn();
  // Forgets it, because of `why`.
  void KeepServing(const absl::Status& why);

  // Ends all jobs. From now on every request is answered with Unavailable, except a shutdown that
  // wants the store to stay if it does, which `keep` says.
  void Stop(bool keep);

 private:
  // Where an answer goes.
  struct Client {
    uint64_t reply_to;
    uint64_t request_id;
  };

  void HandleOne(const Client& client, const control::Request& request);
  // OK if the request can be carried out; else the status that answers it.
  absl::Status Accept(const control::Request& request) const;
  // FailedPrecondition if the request is meant for another store.
  absl::Status CheckInstance(const std::string& instance) const;
  absl::Status Stopping() const;
  // True if the successor is to carry the request out.
  bool PutsOff(const control::Request& request) const;
  void AskAgain(const Client& client);
  // Adds a job that answers the request. `more` is for its constructor.
  template <typename KindOfJob, typename... More>
  void AddJob(const Client& client, const control::Request& request, More... more);
  absl::Status Answer(const Client& client, absl::StatusOr<control::Response> result);
  absl::Status Send(const Client& client, control::Response response);

  void FillInfo(control::InfoResponse* info) const;
  void FillStats(control::StatsResponse* stats) const;

  OwnedStore& store_;
  os::PipeServer& pipe_;
  Jobs& jobs_;
  JobLock& lock_;
  Recorder& recorder_;
  const std::string name_;      // the store's
  const std::string instance_;  // the store's
  const uint64_t started_ns_;
  DaemonCounts counts_;        // but for the frames that the pipe rejects
  size_t jobs_under_way_ = 0;  // that requests asked for
  bool shutdown_requested_ = false;
  bool keep_requested_ = false;
  bool stopping_ = false;
  struct Successor {
    Client client;
    uint64_t deadline_ns;  // control::Request::deadline_ns
  };
  absl::optional<Successor> successor_;
  bool handing_over_ = false;      // since the successor was let in
  std::vector<Client> shutdowns_;  // requested a shutdown, not answered yet
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CONTROL_H_
