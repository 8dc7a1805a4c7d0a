#include "server/request_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/clock.h"

namespace cubby::server {

absl::Status CheckDeadline(const std::string& store, uint64_t deadline_ns) {
  if (deadline_ns == 0 || os::BootNanos() < deadline_ns) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "the daemon of store '", store, "' came to the request too late: allow more time"));
}

RequestJob::RequestJob(Context context) : context_(std::move(context)) {}

Job::Progress RequestJob::Step(const os::Deadline& until) {
  const absl::Status wanted = CheckDeadline(store().name(), context_.deadline_ns);
  if (!wanted.ok()) {
    Finish(wanted);
    return Progress::Done();
  }
  const absl::StatusOr<Progress> progress = Work(until, &response_);
  if (!progress.ok()) {
    Finish(progress.status());
    return Progress::Done();
  }
  if (progress->done()) Finish(std::move(response_));
  return *progress;
}

void RequestJob::Cancel(const absl::Status& why) { Finish(why); }

void RequestJob::Finish(absl::StatusOr<control::Response> result) {
  End(result.status());
  context_.answer(std::move(result));
}

absl::StatusOr<absl::optional<Job::Progress>> RequestJob::AcquireLock() {
  const absl::Status acquired = lock().Acquire();
  if (acquired.ok()) {
    patience_.reset();
    return absl::nullopt;
  }
  if (absl::IsUnavailable(acquired)) {
    patience_.reset();
    return Progress::Blocked(JobLock::kPause);
  }
  if (!absl::IsDeadlineExceeded(acquired)) return acquired;
  if (!patience_.has_value()) patience_.emplace(kLockTimeout);
  if (!patience_->Passed()) return Progress::Running();  // it has waited already
  return absl::DeadlineExceededError(
      absl::StrCat("another writer held the store's lock for all of ",
                   absl::FormatDuration(kLockTimeout), ": let it go on, or end it"));
}

}  // namespace cubby::server
