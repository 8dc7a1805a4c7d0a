#include "server/heartbeat.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "attach/attachment.h"
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
  store_.NoteTime();
  const bool truncated = store_.Truncated();
  // Before the look at the names: a writer that finds none left retires the store.
  const absl::Status sound = truncated ? absl::OkStatus() : store_.CheckFixedPart();
  const bool hidden = store_.mapping().Hidden();
  if (std::exchange(hidden_, hidden) != hidden) {
    Log(LogLevel::kWarning, store_.name(),
        hidden ? "another file system was mounted over /dev/shm, so that no process finds the "
                 "store there: unmount it, or start cubbyd again"
               : "/dev/shm is the directory of the store again");
  }
  const absl::Status named = store_.CheckNames();
  if (!named.ok()) {
    store_.MarkRetired();
    return attach::About(
        store_.name(),
        absl::FailedPreconditionError(absl::StrCat(
            named.message(), " by another process, so the store is retired: start cubbyd again",
            absl::IsAlreadyExists(named) ? " with --fresh, which discards what has the name"
                                         : "")));
  }
  if (truncated && !std::exchange(damage_logged_, true)) {
    // For clients without a guard of their own, if the state line is still there to be read.
    store_.Poison();
    Log(LogLevel::kError, store_.name(),
        "was truncated by another process, its entries are lost: restart cubbyd with --fresh");
  }
  if (!sound.ok() && !std::exchange(damage_logged_, true)) {
    // No process can open the store any more: those that have it open must not put into it.
    store_.Poison();
    Log(LogLevel::kError, store_.name(),
        absl::StrCat("was overwritten by another process, so that it cannot be opened (",
                     WithoutRemedy(sound), "): end it by cubby shutdown, and start cubbyd again"));
  }
  const absl::StatusOr<bool> repaired = store_.RepairLockFile();
  if (!repaired.ok() || *repaired) {
    Log(LogLevel::kWarning, store_.name(),
        repaired.ok() ? "its lock file was overwritten by another process: repaired it"
                      : absl::StrCat("its lock file was overwritten by another process, so that "
                                     "no writer can open the store: ",
                                     repaired.status().message()));
  }
  return kInterval;
}

}  // namespace cubby::server
