#include "server/daemon.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "attach/attachment.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "lock/seats.h"
#include "os/notify.h"
#include "os/pipe_server.h"
#include "os/process.h"
#include "os/signals.h"
#include "server/channel_job.h"
#include "server/control.h"
#include "server/hand_over.h"
#include "server/heartbeat.h"
#include "server/huge_pages_job.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/log.h"
#include "server/owned_store.h"
#include "server/recorder.h"
#include "server/sweep_job.h"
#include "table/changes.h"
#include "table/layout.h"
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

// How long the daemon sleeps when the system has no memory for it to wait for requests.
constexpr absl::Duration kMemoryPause = absl::Milliseconds(20);

// What the signal handler uses. Once set, `woken` stays valid until the process ends.
std::atomic<bool> stop_requested{false};
std::atomic<os::PipeServer*> woken{nullptr};
std::atomic<bool> reload_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<os::PipeServer*>::is_always_lock_free);

// Sequentially consistent, as are the store of `woken` and the load of `request` behind it in
// RunDaemon(): either this load sees the pipe, or that load sees the request.
void Raise(std::atomic<bool>* request) {
  request->store(true);
  os::PipeServer* pipe = woken.load();
  if (pipe != nullptr) pipe->Wake();
}
void RequestStop() { Raise(&stop_requested); }
void RequestReload() { Raise(&reload_requested); }

void LogServing(const OwnedStore& store) {
  const table::Geometry& geometry = store.table().geometry();
  const uint64_t kept = table::ReadStats(store.table()).entries;
  const std::string entries =
      store.made() ? "new"
                   : absl::StrCat("kept ", kept, base::OneOrMany(kept, " entry", " entries"));
  Log(store.name(), absl::StrCat("serving, ", entries, ", capacity ", geometry.capacity, ", ",
                                 geometry.total_bytes, " bytes, pid ", os::ProcessId()));
}

// Whoever started the daemon may not listen: that stops nothing.
void LogIfNotTold(absl::string_view store, const absl::Status& told) {
  if (!told.ok()) Log(LogLevel::kWarning, store, told.message());
}

// Before the daemon that it takes the store over from sees it serve, and ends: a service manager
// would take the end of the process that it knows for the end of the service.
void AnnounceSuccession(const Options& options) {
  LogIfNotTold(options.store, os::NotifyServiceManager(absl::StrCat("MAINPID=", os::ProcessId())));
}

void AnnounceServing(const Options& options) {
  LogIfNotTold(options.store, os::NotifyServiceManager("READY=1"));
  if (options.ready_fd.has_value()) LogIfNotTold(options.store, os::WriteReady(*options.ready_fd));
}

void NoteAtEnd(const Options& options, OwnedStore* store) {
  store->NoteAtEnd(options.keep_on_exit ? table::AtEnd::kKept : table::AtEnd::kRemoved);
}

// Takes those options that can change while the store is served from what they are by now.
void Reload(Options* options, OwnedStore* store) {
  const absl::StatusOr<Options> read = options->read_again();
  if (!read.ok()) {
    return Log(LogLevel::kError, options->store,
               absl::StrCat("keeps its options: ", read.status().message()));
  }
  const auto word = [](bool value) { return value ? "true" : "false"; };
  const std::string keep_on_exit =
      absl::StrCat(word(read->keep_on_exit), " now, ", word(options->keep_on_exit), " before");
  options->log_level = read->log_level;
  options->keep_on_exit = read->keep_on_exit;
  NoteAtEnd(*options, store);
  SetLogLevel(options->log_level);
  Log(options->store, absl::StrCat("read its options again: --log-level and --keep-on-exit (",
                                   keep_on_exit, ") hold from now on"));
}

enum class End { kAskedFor, kHandedOver };

// True for an error of the control channel that says that the system is short of something.
bool MayPass(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

// Returns once the daemon has been asked to end, whatever has failed meanwhile, or has handed the
// store over. FailedPrecondition if the store's names are lost, Internal if the control channel has
// failed.
absl::StatusOr<End> Serve(Options* options, OwnedStore* store, Heartbeat* heartbeat,
                          os::PipeServer* pipe, Jobs* jobs, Control* control) {
  const auto ended = [control] { return stop_requested.load() || control->shutdown_requested(); };
  bool shortage_logged = false;
  while (!ended()) {
    EndLogWindows();
    if (reload_requested.exchange(false)) Reload(options, store);
    if (control->hand_over_due() && HandOver(store, pipe, control)) return End::kHandedOver;
    ASSIGN_OR_RETURN(const absl::Duration until_beat, heartbeat->BeatIfDue());
    absl::Duration idle = std::min(until_beat, jobs->Step());
    for (int turn = 0; turn < kRequestsPerStep && !ended(); ++turn) {
      const absl::StatusOr<absl::optional<os::PipeServer::Request>> request = pipe->Receive(idle);
      if (!request.ok()) {
        if (ended()) return End::kAskedFor;
        if (MayPass(request.status())) {
          if (!std::exchange(shortage_logged, true)) {
            Log(LogLevel::kWarning, options->store,
                absl::StrCat("tries again until it can: ", request.status().message()));
          }
          absl::SleepFor(kMemoryPause);
          break;
        }
        return attach::About(options->store,
                             absl::InternalError(absl::StrCat(
                                 "its control channel failed (", request.status().message(),
                                 "): start cubbyd again, which keeps the entries")));
      }
      shortage_logged = false;
      if (!request->has_value()) break;
      control->Handle(**request);
      idle = absl::ZeroDuration();
    }
  }
  return End::kAskedFor;
}

// Answers the requests that came while the daemon was stopping. No new client can connect, and the
// limit keeps a client that goes on sending from delaying the daemon's end.
void AnswerLastRequests(os::PipeServer* pipe, Control* control) {
  int idle_turns = 0;
  for (int turn = 0; turn < kLastRequests && idle_turns < kLastIdleTurns; ++turn) {
    absl::StatusOr<absl::optional<os::PipeServer::Request>> request =
        pipe->Receive(absl::ZeroDuration());
    if (!request.ok() && !MayPass(request.status())) return;
    const bool came = request.ok() && request->has_value();
    idle_turns = came ? 0 : idle_turns + 1;
    if (came) control->Handle(**request);
    control->ConfirmShutdown();
  }
}

// The channel of a daemon that has the seat. One whose predecessor lets it in joins that one's, for
// no client to notice. The predecessor must have read the channel until then: its clients would
// have been told otherwise that it was gone, and their requests must not be carried out.
absl::StatusOr<std::unique_ptr<os::PipeServer>> OpenChannel(const std::string& store,
                                                            const lock::Seats& seats) {
  if (seats.IsHeld(lock::kHandOverSeat)) {
    ASSIGN_OR_RETURN(std::unique_ptr<os::PipeServer> joined, os::PipeServer::Join(store));
    if (seats.IsHeld(lock::kHandOverSeat)) return joined;
  }
  return os::PipeServer::Create(store);
}

}  // namespace

absl::Status RunDaemon(Options options) {
  os::OnStopRequest(RequestStop);
  os::OnReloadRequest(RequestReload);
  os::IgnoreFileSizeSignal();
  SetLogLevel(options.log_level);
  // Before the store: without a channel nothing is made, and nothing discarded.
  std::unique_ptr<os::PipeServer> channel;
  const auto open_channel = [&](const lock::Seats& seats) -> absl::Status {
    ASSIGN_OR_RETURN(channel, OpenChannel(options.store, seats));
    return absl::OkStatus();
  };
  const auto stopped = [] { return stop_requested.load(); };
  absl::StatusOr<std::unique_ptr<OwnedStore>> opened =
      OwnedStore::Open(options, open_channel, stopped);
  if (absl::IsCancelled(opened.status())) {
    Log(options.store, "stopped, before it served");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(opened.status());
  std::unique_ptr<OwnedStore> store = *std::move(opened);
  // Never destroyed: a signal may wake it until the process ends.
  os::PipeServer* const pipe = channel.release();
  woken.store(pipe);

  JobLock lock(&store->lock(), &store->table());
  Recorder recorder(store.get(), options.record_changes);
  Jobs jobs;
  jobs.Add(std::make_unique<SweepJob>(store.get(), &lock));
  jobs.Add(std::make_unique<ChannelJob>(options.store, pipe));
  auto recorder_job = std::make_unique<RecorderJob>(&recorder, &lock);
  const absl::Status ring = table::CheckChangeRing(store->table().geometry());
  if (options.record_changes && !ring.ok()) {
    Log(LogLevel::kWarning, options.store, absl::StrCat("--record-changes: ", ring.message()));
  }
  // Before the store is served, so that no change of it is missed that is to be recorded always.
  recorder_job->Step(os::Deadline(absl::ZeroDuration()));
  jobs.Add(std::move(recorder_job));
  if (options.huge_pages == HugePages::kAuto) {
    jobs.Add(std::make_unique<HugePagesJob>(store.get()));
  }
  Control control(store.get(), pipe, &jobs, &lock, &recorder);
  Heartbeat heartbeat(store.get());
  NoteAtEnd(options, store.get());
  if (store->taken_over()) AnnounceSuccession(options);
  heartbeat.BeatIfDue().IgnoreError();  // names that are lost by now are lost at the next beat too
  LogServing(*store);
  AnnounceServing(options);
  const absl::StatusOr<End> served =
      Serve(&options, store.get(), &heartbeat, pipe, &jobs, &control);
  if (served.ok() && *served == End::kHandedOver) {
    store.reset();
    pipe->Drain();
    Log(options.store, "stopped");
    return absl::OkStatus();
  }

  const bool by_request = control.shutdown_requested();
  const bool keep = !served.ok() || (by_request ? control.keep_requested() : options.keep_on_exit);
  if (keep) store->NoteAtEnd(table::AtEnd::kKept);
  LogIfNotTold(options.store, os::NotifyServiceManager("STOPPING=1"));
  control.Stop(keep);
  pipe->Withdraw();
  if (!served.ok()) {
    // A store whose names are lost takes those with it that are left. Otherwise nobody has asked
    // for the store's end: it stays for the next daemon, as after a kill.
    if (absl::IsFailedPrecondition(served.status())) store->Retire();
    store.reset();
    return served.status();
  }
  Log(options.store, absl::StrCat("stopping", by_request ? ", by a shutdown request" : "",
                                  keep ? "; its entries stay for the next cubbyd" : ""));
  if (!keep) store->Retire();
  store.reset();
  control.ConfirmShutdown();
  AnswerLastRequests(pipe, &control);
  pipe->Drain();
  Log(options.store, "stopped");
  return absl::OkStatus();
}

}  // namespace cubby::server
