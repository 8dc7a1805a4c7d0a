#include "server/job_lock.h"

#include "attach/watchers.h"
#include "base/status_macros.h"

namespace cubby::server {

absl::Status JobLock::Acquire() {
  if (owned_) return absl::UnavailableError("another job of the daemon owns the writer lock");
  RETURN_IF_ERROR(lock_.Acquire(kPatience));
  owned_ = true;
  return absl::OkStatus();
}

void JobLock::Release() {
  const attach::WatchersCall call(table_);
  owned_ = false;
  lock_.Release();
}

}  // namespace cubby::server
