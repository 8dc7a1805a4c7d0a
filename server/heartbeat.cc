#include "server/heartbeat.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "attach/attachment.h"
#include "attach/store_clock.h"
#include "os/process.h"
#include "server/log.h"

namespace cubby::server {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);

}  // namespace

absl::StatusOr<absl::Duration> Heartbeat::BeatIfDue() {
  if (!next_.Passed()) return next_.Left();
  next_ = os::Deadline(kInterval);
  table::StateLine& line = store_.table().mutable_fixed().state;
  line.daemon_pid.store(os::ProcessId(), std::memory_order_relaxed);
  attach::NoteTime(store_.mapping(), &line);
  if (store_.Truncated() && !std::exchange(truncation_logged_, true)) {
    // For clients without a guard of their own, if the state line is still there to be read.
    store_.Poison();
    Log(LogLevel::kError, store_.name(),
        "was truncated by another process, its entries are lost: restart cubbyd with --fresh");
  }
  const absl::Status named = store_.CheckNames();
  if (!named.ok()) {
    store_.MarkRetired();
    return attach::About(
        store_.name(),
        absl::FailedPreconditionError(absl::StrCat(
            named.message(), " by another process, so the store is retired: start cubbyd again")));
  }
  const absl::StatusOr<bool> mended = store_.MendLockFile();
  if (!mended.ok() || *mended) {
    Log(LogLevel::kWarning, store_.name(),
        mended.ok() ? "its lock file was overwritten by another process: mended it"
                    : absl::StrCat("its lock file was overwritten by another process, so that "
                                   "no writer can open the store: ",
                                   mended.status().message()));
  }
  return kInterval;
}

}  // namespace cubby::server
