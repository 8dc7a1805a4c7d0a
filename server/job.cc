#include "server/job.h"

#include <algorithm>
#include <utility>

namespace cubby::server {

void Jobs::Add(std::unique_ptr<Job> job) {
  jobs_.push_back({std::move(job), os::Deadline(absl::ZeroDuration())});
}

absl::Duration Jobs::Step() {
  const auto next = std::find_if(jobs_.begin(), jobs_.end(),
                                 [](const Entry& entry) { return entry.blocked.Passed(); });
  if (next != jobs_.end()) {
    Entry entry = std::move(*next);
    jobs_.erase(next);
    const Job::Progress progress = entry.job->Step(os::Deadline(kStepBudget));
    if (!progress.done()) {
      jobs_.push_back({std::move(entry.job), os::Deadline(progress.pause())});
    }
  }
  absl::Duration idle = absl::InfiniteDuration();
  for (const Entry& entry : jobs_) idle = std::min(idle, entry.blocked.Left());
  return idle;
}

void Jobs::Cancel(const absl::Status& why) {
  for (const Entry& entry : jobs_) entry.job->Cancel(why);
  jobs_.clear();
}

}  // namespace cubby::server
