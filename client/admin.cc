#include "client/admin.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "attach/attachment.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "client/answers.h"
#include "client/served_store.h"
#include "os/deadline.h"
#include "os/pipe_client.h"
#include "proto/control.pb.h"
#include "proto/exchange.h"

namespace cubby {

namespace {

// How often a request is sent to a daemon that seems to serve another store, or none yet.
constexpr int kAttempts = 10;
constexpr absl::Duration kAttemptPause = absl::Milliseconds(1);

// The store whose daemon is to be asked. Unavailable if there is none.
absl::StatusOr<ServedStore> Served(absl::string_view store) {
  absl::StatusOr<ServedStore> served = LookAtStore(store);
  for (int attempt = 1; attempt < kAttempts && absl::IsUnavailable(served.status()); ++attempt) {
    absl::SleepFor(kAttemptPause);
    served = LookAtStore(store);
  }
  // The deadline of a request would be another one to the daemon.
  if (served.ok()) RETURN_IF_ERROR(attach::About(store, served->clock));
  if (!absl::IsNotFound(served.status())) return served;
  return absl::UnavailableError(
      absl::StrCat("there is no store '", store, "' here, whatever its daemon serves elsewhere"));
}

absl::Status ErrorIn(const control::Response& response) {
  return absl::Status(static_cast<absl::StatusCode>(response.status_code()),
                      response.status_message());
}

// True if the daemon may carry it out twice.
bool IsRepeatable(const control::Request& request) {
  return !request.has_flush() && !request.has_shutdown();
}

absl::Status NoAnswer(absl::string_view store) {
  return absl::InternalError(absl::StrCat("the daemon of store '", store,
                                          "' gave no answer to what was asked: update cubbyd"));
}

}  // namespace

struct Admin::Impl {
  // Sends `request` and returns what the daemon answered: an error, or an answer of the kind
  // `expected`.
  absl::StatusOr<control::Response> Call(control::Request request,
                                         control::Response::ResponseCase expected) const;
  // Sends a request that is complete, and returns the response to it.
  absl::StatusOr<control::Response> Ask(const control::Request& request,
                                        const os::Deadline& deadline) const;

  std::string store;
  absl::Duration timeout;
};

absl::StatusOr<control::Response> Admin::Impl::Call(
    control::Request request, control::Response::ResponseCase expected) const {
  const os::Deadline deadline(timeout);
  proto::Complete(deadline, &request);
  absl::Status lost;  // of an answer that did not come
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(const ServedStore served, Served(store));
    request.set_instance(served.instance);
    const absl::StatusOr<control::Response> asked = Ask(request, deadline);
    if (!asked.ok()) {
      lost.Update(asked.status());
      const bool again = absl::IsUnavailable(asked.status()) && IsRepeatable(request);
      if (!again || attempt == kAttempts || deadline.Passed()) return lost;
      // The daemon's successor may be there already.
      absl::SleepFor(kAttemptPause);
      continue;
    }
    const control::Response& response = *asked;
    if (response.status_code() == 0) {
      if (response.response_case() == expected) return response;
      return NoAnswer(store);
    }
    if (response.ask_again() && !deadline.Passed()) {
      --attempt;  // a hand-over takes milliseconds, and longer while the daemon ends a flush or
                  // check
      absl::SleepFor(kAttemptPause);
      continue;
    }
    const bool other_store =
        absl::IsFailedPrecondition(ErrorIn(response)) && response.instance() != served.instance;
    if (!other_store || attempt == kAttempts || deadline.Passed()) return ErrorIn(response);
    // Nothing was done. A starting daemon may have made the store anew, as --fresh says, or the
    // header's bytes may have been in change.
    absl::SleepFor(kAttemptPause);
  }
}

absl::StatusOr<control::Response> Admin::Impl::Ask(const control::Request& request,
                                                   const os::Deadline& deadline) const {
  // A channel for each call: between calls an Admin is in no daemon's way, and it outlives a
  // daemon's restart.
  ASSIGN_OR_RETURN_AS(const std::unique_ptr<os::PipeClient> pipe,
                      os::PipeClient::Connect(store, deadline.Left()),
                      WhyUnreachable(store, status));
  return proto::Exchange(pipe.get(), request, deadline);
}

Admin::Admin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Admin::~Admin() = default;

absl::StatusOr<std::unique_ptr<Admin>> Admin::Connect(absl::string_view store,
                                                      absl::Duration timeout) {
  absl::Status valid = base::ValidateStoreName(store);
  if (!valid.ok()) return valid;
  // So that a missing daemon is told here and now.
  const absl::Status reachable = os::PipeClient::Connect(store, timeout).status();
  if (!reachable.ok()) return WhyUnreachable(store, reachable);
  RETURN_IF_ERROR(Served(store).status());
  return std::unique_ptr<Admin>(
      new Admin(std::make_unique<Impl>(Impl{std::string(store), timeout})));
}

absl::Status Admin::Ping() {
  control::Request request;
  request.mutable_ping();
  return impl_->Call(std::move(request), control::Response::kPing).status();
}

absl::StatusOr<DaemonInfo> Admin::Info() {
  control::Request request;
  request.mutable_info();
  absl::StatusOr<control::Response> response =
      impl_->Call(std::move(request), control::Response::kInfo);
  if (!response.ok()) return response.status();
  return InfoFrom(response->info());
}

absl::StatusOr<DaemonStats> Admin::Stats() {
  control::Request request;
  request.mutable_stats();
  absl::StatusOr<control::Response> response =
      impl_->Call(std::move(request), control::Response::kStats);
  if (!response.ok()) return response.status();
  return StatsFrom(response->stats());
}

absl::StatusOr<uint64_t> Admin::Flush() {
  control::Request request;
  request.mutable_flush();
  absl::StatusOr<control::Response> response =
      impl_->Call(std::move(request), control::Response::kFlush);
  if (!response.ok()) return response.status();
  return response->flush().removed();
}

absl::StatusOr<CheckReport> Admin::Check() {
  control::Request request;
  request.mutable_check();
  absl::StatusOr<control::Response> response =
      impl_->Call(std::move(request), control::Response::kCheck);
  if (!response.ok()) return response.status();
  const control::CheckResponse& answer = response->check();
  CheckReport report;
  report.problems.assign(answer.problems().begin(), answer.problems().end());
  report.more_problems = answer.more_problems();
  report.entries = answer.entries();
  report.extents_in_use = answer.extents_in_use();
  report.loose_overflow_counts = answer.loose_overflow_counts();
  return report;
}

absl::Status Admin::RecordChanges(absl::Duration duration) {
  control::Request request;
  request.mutable_record()->set_duration_ns(
      static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0)));
  return impl_->Call(std::move(request), control::Response::kRecord).status();
}

absl::Status Admin::Shutdown(const ShutdownOptions& options) {
  control::Request request;
  request.mutable_shutdown()->set_keep(options.keep);
  return impl_->Call(std::move(request), control::Response::kShutdown).status();
}

}  // namespace cubby
