#include "server/daemon.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "os/pipe_server.h"
#include "os/process.h"
#include "os/signals.h"
#include "server/control.h"
#include "server/heartbeat.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/log.h"
#include "server/owned_store.h"
#include "server/sweep_job.h"
#include "table/stats.h"

namespace cubby::server {
namespace {

// More than there can be: a FIFO of 64 KiB holds some 1,300 of the shortest requests, and a pipe on
// Windows serves 16 clients.
constexpr int kLastRequests = 2000;
// On Windows a Receive() may return nothing although another client's request has come.
constexpr int kLastIdleTurns = 16;

// How many requests come before the next step of a job: all that wait, in some milliseconds, but
// not those of a client that never stops sending.
constexpr int kRequestsPerStep = 100;

// What the signal handler uses. Once set, `woken` stays valid until the process ends.
std::atomic<bool> stop_requested{false};
std::atomic<os::PipeServer*> woken{nullptr};
static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<os::PipeServer*>::is_always_lock_free);

void RequestStop() {
  // Sequentially consistent, as are the store of `woken` and the load of stop_requested behind it
  // in RunDaemon(): either this load sees the pipe, or that load sees the request.
  stop_requested.store(true);
  os::PipeServer* pipe = woken.load();
  if (pipe != nullptr) pipe->Wake();
}

void LogServing(const OwnedStore& store) {
  const table::Geometry& geometry = store.table().geometry();
  const std::string entries =
      store.made() ? "new"
                   : absl::StrCat("kept ", table::ReadStats(store.table()).entries, " entries");
  Log(store.name(), absl::StrCat("serving, ", entries, ", capacity ", geometry.capacity, ", ",
                                 geometry.total_bytes, " bytes, pid ", os::ProcessId()));
}

absl::Status Serve(OwnedStore* store, os::PipeServer* pipe, Jobs* jobs, Control* control) {
  Heartbeat heartbeat(store);
  const auto ended = [control] { return stop_requested.load() || control->shutdown_requested(); };
  while (!ended()) {
    EndLogWindows();
    ASSIGN_OR_RETURN(const absl::Duration until_beat, heartbeat.BeatIfDue());
    absl::Duration idle = std::min(until_beat, jobs->Step());
    for (int turn = 0; turn < kRequestsPerStep && !ended(); ++turn) {
      ASSIGN_OR_RETURN(const absl::optional<os::PipeServer::Request> request, pipe->Receive(idle));
      if (!request.has_value()) break;
      control->Handle(*request);
      idle = absl::ZeroDuration();
    }
  }
  return absl::OkStatus();
}

// Answers the requests that came while the daemon was stopping. No new client can connect, and the
// limit keeps a client that goes on sending from delaying the daemon's end.
void AnswerLastRequests(os::PipeServer* pipe, Control* control) {
  int idle_turns = 0;
  for (int turn = 0; turn < kLastRequests && idle_turns < kLastIdleTurns; ++turn) {
    absl::StatusOr<absl::optional<os::PipeServer::Request>> request =
        pipe->Receive(absl::ZeroDuration());
    if (!request.ok()) return;
    idle_turns = request->has_value() ? 0 : idle_turns + 1;
    if (request->has_value()) control->Handle(**request);
    control->ConfirmShutdown();
  }
}

}  // namespace

absl::Status RunDaemon(const Options& options) {
  os::OnStopRequest(RequestStop);
  os::IgnoreFileSizeSignal();
  RETURN_IF_ERROR(StartLog(options.log_level));
  ASSIGN_OR_RETURN(std::unique_ptr<OwnedStore> store, OwnedStore::Open(options));
  absl::StatusOr<std::unique_ptr<os::PipeServer>> made_pipe = os::PipeServer::Create(options.store);
  if (!made_pipe.ok()) {
    if (store->made()) store->Retire();
    return made_pipe.status();
  }
  // Never destroyed: a signal may wake it until the process ends.
  os::PipeServer* const pipe = made_pipe->release();
  woken.store(pipe);

  JobLock lock(&store->lock());
  Jobs jobs;
  jobs.Add(std::make_unique<SweepJob>(store.get(), &lock));
  Control control(store.get(), pipe, &jobs, &lock);
  LogServing(*store);
  const absl::Status served = Serve(store.get(), pipe, &jobs, &control);

  Log(options.store, control.shutdown_requested() ? "stopping, by a shutdown request" : "stopping");
  control.Stop();
  pipe->Withdraw();
  store->Retire();
  store.reset();
  control.ConfirmShutdown();
  if (served.ok()) AnswerLastRequests(pipe, &control);
  pipe->Drain();
  Log(options.store, "stopped");
  return served;
}

}  // namespace cubby::server
