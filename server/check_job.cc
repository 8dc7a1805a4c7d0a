#include "server/check_job.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "table/repair.h"

namespace cubby::server {

CheckJob::CheckJob(Context context) : RequestJob(std::move(context)) {}

absl::StatusOr<Job::Progress> CheckJob::Work(const os::Deadline& until,
                                             control::Response* response) {
  if (!checker_.has_value()) {
    ASSIGN_OR_RETURN(const absl::optional<Progress> blocked, AcquireLock());
    if (blocked.has_value()) return *blocked;
    const lock::HeldWriterRole role;  // by AcquireLock(), to the last step
    // What a killed writer has left half done is not damage.
    table::RepairIfNeeded(store().table());
    checker_.emplace(store().table());
  }
  do {
    checker_->Step();
  } while (!checker_->done() && !until.Passed());
  if (!checker_->done()) return Progress::Running();
  const table::CheckResult& result = checker_->result();
  control::CheckResponse* const check = response->mutable_check();
  const absl::Status fixed_part = store().Truncated()
                                      ? absl::OkStatus()
                                      : store().CheckFixedPart();  // a truncation is answered
  if (!fixed_part.ok()) check->add_problems(std::string(fixed_part.message()));
  for (const std::string& problem : result.problems) check->add_problems(problem);
  check->set_more_problems(result.more_problems);
  check->set_entries(result.entries);
  check->set_extents_in_use(result.extents_in_use);
  check->set_loose_overflow_counts(result.loose_overflow_counts);
  return Progress::Done();
}

void CheckJob::End(const absl::Status&) {
  if (!checker_.has_value()) return;
  checker_.reset();
  lock().Release();
}

}  // namespace cubby::server
