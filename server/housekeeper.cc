#include "server/housekeeper.h"

#include "absl/strings/str_cat.h"
#include "os/clock.h"
#include "os/process.h"
#include "server/log.h"

namespace cubby::server {
namespace {

constexpr absl::Duration kRound = absl::Seconds(1);
// The daemon is in no hurry, and has requests to answer.
constexpr absl::Duration kLockPatience = absl::Milliseconds(10);

}  // namespace

absl::Duration Housekeeper::Run() {
  if (next_round_.Passed()) BeginRound();
  if (sweep_.has_value() && !blocked_) {
    StepSweep();
    if (sweep_.has_value() && !blocked_) return absl::ZeroDuration();
  }
  return next_round_.Left();
}

void Housekeeper::BeginRound() {
  next_round_ = os::Deadline(kRound);
  blocked_ = false;
  const uint64_t now = os::BootNanos();
  table::StateLine& line = store_.table().mutable_fixed().state;
  line.daemon_pid.store(os::ProcessId(), std::memory_order_relaxed);
  line.heartbeat_ns.store(now, std::memory_order_relaxed);
  if (store_.Truncated()) {
    if (!truncated_told_) {
      // For those without a guard of their own, if the state line is still there to be seen.
      store_.Poison();
      Log(store_.name(),
          "was truncated by somebody, its entries are lost: start it anew with --fresh");
      truncated_told_ = true;
    }
    sweep_.reset();
    return;
  }
  if (!sweep_.has_value() && table::MayHaveExpired(store_.table(), now)) {
    sweep_.emplace(store_.table(), /*everything=*/false);
    damaged_ = 0;
  }
}

void Housekeeper::StepSweep() {
  if (!store_.lock().Acquire(kLockPatience).ok()) {
    blocked_ = true;
    return;
  }
  {
    lock::WriterLockHolder holder(&store_.lock());
    if (!sweep_->Step(os::BootNanos()).ok()) ++damaged_;
  }
  if (!sweep_->done()) return;
  sweep_.reset();
  if (damaged_ != damaged_told_) {
    Log(store_.name(), absl::StrCat("met ", damaged_,
                                    " damaged places while removing expired entries: run cubby "
                                    "check"));
    damaged_told_ = damaged_;
  }
}

}  // namespace cubby::server
