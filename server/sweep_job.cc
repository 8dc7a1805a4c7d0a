#include "server/sweep_job.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "os/clock.h"
#include "server/log.h"
#include "table/expiry.h"

namespace cubby::server {
namespace {

// How long after a sweep, or after another process has kept the lock, the next one may begin.
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

Job::Progress SweepJob::Step(const os::Deadline& until) {
  if (store_.Truncated()) {
    sweep_.reset();
    return Progress::Blocked(kPause);
  }
  if (!sweep_.has_value()) {
    if (!table::MayHaveExpired(store_.table(), os::BootNanos())) return Progress::Blocked(kPause);
    sweep_.emplace(store_.table(), /*everything=*/false);
    damaged_ = 0;
  }
  do {
    const absl::Status acquired = lock_.Acquire();
    if (absl::IsUnavailable(acquired)) return Progress::Blocked(JobLock::kPause);
    if (!acquired.ok()) return Progress::Blocked(kPause);
    absl::Cleanup release = [this] { lock_.Release(); };
    const lock::HeldWriterRole role;  // by Acquire()
    if (!sweep_->Step(os::BootNanos()).ok()) ++damaged_;
  } while (!sweep_->done() && !until.Passed());
  if (!sweep_->done()) return Progress::Running();
  Log(LogLevel::kDebug, store_.name(),
      absl::StrCat("removed ", sweep_->removed(),
                   base::OneOrMany(sweep_->removed(), " expired entry", " expired entries")));
  sweep_.reset();
  LogDamage();
  return Progress::Blocked(kPause);
}

void SweepJob::LogDamage() {
  if (damaged_ == damaged_logged_) return;
  Log(LogLevel::kWarning, store_.name(),
      absl::StrCat("met ", damaged_, base::OneOrMany(damaged_, " damaged place", " damaged places"),
                   " while removing expired entries: run cubby check"));
  damaged_logged_ = damaged_;
}

}  // namespace cubby::server
