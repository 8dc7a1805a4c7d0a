#include "server/successor.h"

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/pipe_client.h"
#include "proto/control.pb.h"
#include "proto/exchange.h"
#include "server/hand_over.h"

namespace cubby::server {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(1);
// A daemon that has been killed loses its channel before its seat.
constexpr absl::Duration kEndPatience = absl::Seconds(1);

absl::Status TooLate(absl::Duration timeout) {
  return absl::DeadlineExceededError(
      absl::StrCat("its daemon has not handed it over within ", absl::FormatDuration(timeout),
                   ", and serves it on: allow more --replace-timeout"));
}

// OK once the daemon has let this process in, or has ended.
absl::Status AwaitHandOver(absl::string_view store, const table::Geometry& geometry,
                           const lock::Seats& seats, absl::Duration timeout) {
  const os::Deadline deadline(timeout);
  control::Request request;
  request.mutable_replace();
  request.set_instance(table::InstanceOf(geometry));
  proto::Complete(deadline, &request);
  const os::Deadline end_patience(kEndPatience);
  while (!deadline.Passed()) {
    const absl::StatusOr<std::unique_ptr<os::PipeClient>> pipe =
        os::PipeClient::Connect(store, deadline.Left());
    if (absl::IsUnavailable(pipe.status()) && !end_patience.Passed()) {
      if (!seats.IsHeld(lock::kDaemonSeat)) return absl::OkStatus();
      absl::SleepFor(kPause);
      continue;
    }
    if (absl::IsUnavailable(pipe.status())) {
      return absl::UnavailableError(
          "its daemon cannot be reached in the runtime directory of this process: set "
          "CUBBY_RUNTIME_DIR to the daemon's");
    }
    RETURN_IF_ERROR(pipe.status());
    const absl::StatusOr<control::Response> response =
        proto::Exchange(pipe->get(), request, deadline);
    if (absl::IsUnavailable(response.status())) return absl::OkStatus();
    if (absl::IsDeadlineExceeded(response.status())) break;
    RETURN_IF_ERROR(response.status());
    if (response->ask_again()) {
      // A successor of that daemon serves the store by now.
      absl::SleepFor(kPause);
      continue;
    }
    const absl::Status answer(static_cast<absl::StatusCode>(response->status_code()),
                              response->status_message());
    if (absl::IsUnimplemented(answer)) {
      return absl::UnimplementedError(
          "its daemon is of a version that cannot be replaced while it runs: end it by `cubby "
          "shutdown --keep`, which gets and puts do not notice, and start this one");
    }
    if (absl::IsDeadlineExceeded(answer)) break;
    return answer;
  }
  return TooLate(timeout);
}

}  // namespace

absl::Status AskForDaemonSeat(absl::string_view store, const table::Geometry& geometry,
                              lock::Seats* seats, absl::Duration timeout) {
  RETURN_IF_ERROR(AwaitHandOver(store, geometry, *seats, timeout));
  // Another start may hold the seat for a moment, until it finds that it is refused.
  const os::Deadline patience(kSuccessorPatience);
  for (;;) {
    ASSIGN_OR_RETURN(const bool claimed, seats->Claim(lock::kDaemonSeat));
    if (claimed) return absl::OkStatus();
    if (patience.Passed()) {
      return absl::AlreadyExistsError("another cubbyd serves it, or its daemon went on: try again");
    }
    absl::SleepFor(kPause);
  }
}

}  // namespace cubby::server
