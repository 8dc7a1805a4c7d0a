#include "server/hand_over.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "server/log.h"

namespace cubby::server {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(1);
// A successor that holds kDaemonSeat for so long and does not beat is stopped, or busy. This daemon
// cannot go on then.
constexpr absl::Duration kSeatedPatience = absl::Seconds(20);
// One that has held it and does not any more has ended, or it was another start, which is refused.
constexpr absl::Duration kUnseatedPatience = absl::Milliseconds(100);
// A Wake() makes one Receive() return nothing although requests wait.
constexpr int kIdleTurns = 2;
// A client sends its request as soon as it has connected, and takes its answer at once.
constexpr absl::Duration kLeavePatience = absl::Seconds(1);

// Answers the next request, if one comes within `timeout`, and goes on with answers under way.
// Returns whether one came.
bool AnswerNext(os::PipeServer* pipe, Control* control, absl::Duration timeout) {
  const absl::StatusOr<absl::optional<os::PipeServer::Request>> request = pipe->Receive(timeout);
  if (!request.ok()) absl::SleepFor(timeout);
  if (!request.ok() || !request->has_value()) return false;
  control->Handle(**request);
  return true;
}

// Answers the requests that have been taken from the channel.
void AnswerTaken(os::PipeServer* pipe, Control* control) {
  int idle_turns = 0;
  while (idle_turns < kIdleTurns) {
    idle_turns = AnswerNext(pipe, control, absl::ZeroDuration()) ? 0 : idle_turns + 1;
  }
}

// Returns true once a successor serves the store, false if this process has taken it back.
bool AwaitSuccessor(OwnedStore* store, os::PipeServer* pipe, Control* control,
                    os::Deadline patience) {
  const os::Deadline seated_patience(kSeatedPatience);
  bool seated = false;
  while (!store->SuccessorServes()) {
    AnswerNext(pipe, control, kPause);
    const bool was_seated = seated;
    seated = store->SuccessorIsSeated();
    if (was_seated && !seated) patience = std::min(patience, os::Deadline(kUnseatedPatience));
    if (!patience.Passed()) continue;
    const absl::StatusOr<bool> taken_back = store->TakeBack();
    if (taken_back.ok() && *taken_back) return false;
    if (seated_patience.Passed()) {
      Log(LogLevel::kError, store->name(), "leaves it to a process that does not serve it yet");
      return true;
    }
  }
  return true;
}

absl::Status LetSuccessorIn(OwnedStore* store, os::PipeServer* pipe, Control* control) {
  RETURN_IF_ERROR(store->LetSuccessorIn());
  const absl::Status told = control->LetSuccessorIn();
  // One that has been killed need not be waited for.
  const os::Deadline patience(told.ok() ? kSuccessorPatience : absl::ZeroDuration());
  if (AwaitSuccessor(store, pipe, control, patience)) return absl::OkStatus();
  return absl::UnavailableError("the other cubbyd did not take it over");
}

}  // namespace

bool HandOver(OwnedStore* store, os::PipeServer* pipe, Control* control) {
  pipe->Pause();
  AnswerTaken(pipe, control);
  if (control->shutdown_requested()) {
    pipe->Resume();
    return false;
  }
  const absl::Status let_in = LetSuccessorIn(store, pipe, control);
  if (!let_in.ok()) {
    Log(LogLevel::kWarning, store->name(), absl::StrCat("serves on: ", let_in.message()));
    control->KeepServing(let_in);
    pipe->Resume();
    return false;
  }
  Log(store->name(), "handed over to another cubbyd");
  pipe->Leave();
  AnswerTaken(pipe, control);
  const os::Deadline patience(kLeavePatience);
  while (pipe->HasClients() && !patience.Passed()) AnswerNext(pipe, control, kPause);
  return true;
}

}  // namespace cubby::server
