#include "client/watch.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "attach/attachment.h"
#include "attach/watchers.h"
#include "base/status_macros.h"
#include "client/store_impl.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "table/changes.h"
#include "table/layout.h"
#include "table/repair.h"

namespace cubby {
namespace {

using attach::Attachment;
using table::ChangeFollower;
using table::ChangeKind;

// For how long a watcher asks that changes be recorded, and how often.
constexpr absl::Duration kWanted = absl::Minutes(1);
constexpr absl::Duration kRenewal = absl::Seconds(20);

// How long a watcher waits after a change before it has the next one wake it: changes that come
// close together do not cost their writers a system call each.
constexpr absl::Duration kLull = absl::Microseconds(50);

// How often a watcher looks for a commit of a killed writer, and waits for the lock to repair it.
constexpr absl::Duration kRepair = absl::Seconds(1);
constexpr absl::Duration kRepairTimeout = absl::Milliseconds(10);

// How many changes of other keys are passed before the deadline is looked at.
constexpr int kPassed = 1024;

Change::Kind KindOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kPut:
    case ChangeKind::kHidden:
      break;
    case ChangeKind::kDelete:
      return Change::Kind::kDelete;
    case ChangeKind::kExpire:
      return Change::Kind::kExpire;
    case ChangeKind::kEvict:
      return Change::Kind::kEvict;
    case ChangeKind::kFlush:
      return Change::Kind::kFlush;
  }
  return Change::Kind::kPut;
}

}  // namespace

struct Watcher::Impl {
  Impl(Attachment* attached, absl::Duration timeout, const WatchOptions& options)
      : attachment(*attached),
        lock_timeout(timeout),
        prefix(options.prefix),
        ask_daemon(options.ask_daemon),
        generation(&attachment.current()) {}

  const table::WritableTable& table() const { return generation->table(); }
  bool writable() const { return generation->lock() != nullptr; }

  // Has changes recorded from now on, for kWanted at least.
  absl::Status Record();
  // For a store that is open for writing: makes the follower, too, if there is none yet.
  absl::Status RecordByWriting();
  absl::Status AskDaemon() const;
  // Repairs what a killed writer has left half done: its commit is not told before.
  void Repair();
  absl::Status Next(Change* change, const os::Deadline& deadline);

  Attachment& attachment;
  const absl::Duration lock_timeout;
  const std::string prefix;
  const std::function<absl::Status(absl::Duration)> ask_daemon;
  const Attachment::Generation* generation;
  absl::optional<ChangeFollower> follower;  // of `generation`
  bool in_burst = false;                    // since the last sleep a change was told
  os::Deadline repair = os::Deadline(kRepair);
  os::Deadline renewal = os::Deadline(absl::ZeroDuration());  // when Record() is due
  os::Deadline overdue = renewal;                             // and when it cannot wait
};

absl::Status Watcher::Impl::Record() {
  renewal = os::Deadline(kRenewal);
  overdue = os::Deadline(2 * kRenewal);
  return writable() ? RecordByWriting() : AskDaemon();
}

absl::Status Watcher::Impl::RecordByWriting() {
  std::atomic<uint64_t>& wanted = table().mutable_fixed().changes.wanted_until_ns;
  const uint64_t until = os::Deadline(kWanted).InBootNanos();
  // Of two watchers at once the earlier time may stay, for as long as one renewal.
  if (wanted.load(std::memory_order_relaxed) < until) {
    wanted.store(until, std::memory_order_relaxed);
  }
  if (table::Recording(table()) && follower.has_value()) return absl::OkStatus();
  absl::Status recorded = attachment.AsWriter(
      lock_timeout, [this](const table::WritableTable& current) CUBBY_REQUIRES_WRITER_LOCK {
        RETURN_IF_ERROR(table::CheckChangeRing(current.geometry()));
        table::RepairIfNeeded(current);
        if (!table::Recording(current)) {
          table::SetRecording(current, table::ChangeRecording::kOn);
        }
        if (!follower.has_value() && &current == &table()) {
          follower.emplace(current, ChangeFollower::Lock::kHeld);
        }
        return absl::OkStatus();
      });
  if (!absl::IsDeadlineExceeded(recorded)) return recorded;
  return absl::UnavailableError(recorded.message());  // unlike no change in time
}

absl::Status Watcher::Impl::AskDaemon() const {
  absl::Status asked = absl::FailedPreconditionError("the store is open read-only");
  if (ask_daemon != nullptr) asked = ask_daemon(kWanted);
  if (asked.ok() || table::Recording(table())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("no changes of store '", attachment.name(), "' are recorded (", asked.message(),
                   "): watch with write access, or start its cubbyd with --record-changes"));
}

void Watcher::Impl::Repair() {
  if (!writable() || table().fixed().intent.operation.load(std::memory_order_relaxed) == 0) return;
  attachment
      .AsWriter(std::min(lock_timeout, kRepairTimeout),
                [](const table::WritableTable& current) CUBBY_REQUIRES_WRITER_LOCK {
                  table::RepairIfNeeded(current);
                  return absl::OkStatus();
                })
      .IgnoreError();  // tries again
}

absl::Status Watcher::Impl::Next(Change* change, const os::Deadline& deadline) {
  ChangeFollower::Change record;
  for (int passed = 0;; ++passed) {
    if (!generation->Readable()) {
      RETURN_IF_ERROR(attachment.Follow(*generation));
      generation = &attachment.current();
      const uint64_t revision = follower->revision();
      follower.emplace(table(), revision);
      renewal = os::Deadline(absl::ZeroDuration());
      continue;
    }
    // The daemon may take its time to answer: it is asked when there is nothing else to do.
    if (writable() ? renewal.Passed() : overdue.Passed()) RETURN_IF_ERROR(Record());
    const uint64_t count = attach::CountOfChanges(table());
    switch (follower->Next(&record)) {
      case ChangeFollower::Outcome::kChange:
        if (record.kind != ChangeKind::kHidden && absl::StartsWith(record.key, prefix)) {
          change->kind = KindOf(record.kind);
          change->revision = record.revision;
          change->key = std::move(record.key);
          in_burst = true;
          return absl::OkStatus();
        }
        if (passed < kPassed) continue;
        passed = 0;
        if (!deadline.Passed()) continue;
        return absl::DeadlineExceededError("");
      case ChangeFollower::Outcome::kOverrun: {
        const uint64_t before = follower->revision();
        return absl::OutOfRangeError(absl::StrCat("changes after revision ", before, " up to ",
                                                  follower->Resume(),
                                                  " are lost: read all keys anew"));
      }
      case ChangeFollower::Outcome::kOff:
        RETURN_IF_ERROR(Record());
        if (table::Recording(table()) || !generation->Readable()) continue;
        return absl::UnavailableError(
            absl::StrCat("another process has ended the recording of the changes of store '",
                         attachment.name(), "': try again"));
      case ChangeFollower::Outcome::kNone:
        break;
    }
    if (renewal.Passed()) {
      RETURN_IF_ERROR(Record());
      continue;
    }
    if (repair.Passed()) {
      repair = os::Deadline(kRepair);
      Repair();
    }
    const absl::Duration left = deadline.Left();
    if (left == absl::ZeroDuration()) return absl::DeadlineExceededError("");
    if (std::exchange(in_burst, false)) {
      absl::SleepFor(std::min(left, kLull));
      continue;
    }
    attach::AwaitChange(table(), writable(), count, left);
  }
}

Watcher::Watcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Watcher::~Watcher() = default;

absl::StatusOr<std::unique_ptr<Watcher>> Store::Watch(const WatchOptions& options) const {
  auto watch =
      std::make_unique<Watcher::Impl>(impl_->attachment.get(), impl_->lock_timeout, options);
  RETURN_IF_ERROR(attach::About(name(), table::CheckChangeRing(watch->table().geometry())));
  RETURN_IF_ERROR(watch->Record());
  if (options.since.has_value()) {
    watch->follower.emplace(watch->table(), *options.since);
  } else if (!watch->follower.has_value()) {
    watch->follower.emplace(watch->table());
  }
  return std::unique_ptr<Watcher>(new Watcher(std::move(watch)));
}

absl::Status Watcher::Next(Change* change, absl::Duration timeout) {
  return impl_->Next(change, os::Deadline(timeout));
}

uint64_t Watcher::revision() const { return impl_->follower->revision(); }

}  // namespace cubby
