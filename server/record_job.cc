#include "server/record_job.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/status_macros.h"
#include "table/changes.h"

namespace cubby::server {

RecordJob::RecordJob(Context context, Recorder* recorder, absl::Duration duration)
    : RequestJob(std::move(context)), recorder_(*recorder), duration_(duration) {}

absl::StatusOr<Job::Progress> RecordJob::Work(const os::Deadline&, control::Response* response) {
  RETURN_IF_ERROR(table::CheckChangeRing(store().table().geometry()));
  recorder_.Want(duration_);
  if (recorder_.Due()) {
    ASSIGN_OR_RETURN(const absl::optional<Progress> blocked, AcquireLock());
    if (blocked.has_value()) return *blocked;
    absl::Cleanup release = [this] { lock().Release(); };
    const lock::HeldWriterRole role;  // by AcquireLock()
    recorder_.Update();
  }
  response->mutable_record();
  return Progress::Done();
}

}  // namespace cubby::server
