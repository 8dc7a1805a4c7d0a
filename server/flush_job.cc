#include "server/flush_job.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "server/log.h"

namespace cubby::server {

FlushJob::FlushJob(Context context)
    : RequestJob(std::move(context)), sweep_(store().table(), /*everything=*/true) {}

absl::StatusOr<Job::Progress> FlushJob::Work(const os::Deadline& until,
                                             control::Response* response) {
  do {
    ASSIGN_OR_RETURN(const absl::optional<Progress> blocked, AcquireLock());
    if (blocked.has_value()) return *blocked;
    absl::Cleanup release = [this] { lock().Release(); };
    const lock::HeldWriterRole role;  // by AcquireLock()
    damage_.Update(sweep_.Step(os::BootNanos()));
  } while (!sweep_.done() && !until.Passed());
  if (!sweep_.done()) return Progress::Running();
  RETURN_IF_ERROR(damage_);
  response->mutable_flush()->set_removed(sweep_.removed());
  return Progress::Done();
}

void FlushJob::End(const absl::Status& status) {
  if (sweep_.done()) {
    Log(store().name(), absl::StrCat("flushed ", sweep_.removed(),
                                     base::OneOrMany(sweep_.removed(), " entry", " entries")));
  } else {
    Log(LogLevel::kWarning, store().name(),
        absl::StrCat("ended a flush early, after ", sweep_.removed(),
                     base::OneOrMany(sweep_.removed(), " entry", " entries"), ": ",
                     status.message()));
  }
}

}  // namespace cubby::server
