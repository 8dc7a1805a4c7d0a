#include "attach/watchers.h"

#include <algorithm>
#include <atomic>
#include <climits>

#include "os/wait.h"

namespace cubby::attach {
namespace {

// So that a watcher looks again although the writer that was to wake it was killed.
constexpr absl::Duration kLongestSleep = absl::Seconds(1);
// For a watcher that no writer wakes.
constexpr absl::Duration kPoll = absl::Milliseconds(10);

}  // namespace

void WatchersCall::Wake() const {
  table::ChangesLine& line = table_.mutable_fixed().changes;
  const bool may_sleep = os::RaiseCount(line.wake);
  const bool for_readers = line.recording.load(std::memory_order_relaxed) ==
                           static_cast<uint64_t>(table::ChangeRecording::kForReaders);
  if (may_sleep || for_readers) os::WakeWaiters(line.wake, INT_MAX);
}

uint64_t CountOfChanges(const table::Table& table) { return table.fixed().changes.wake.load(); }

void AwaitChange(const table::WritableTable& table, bool writable, uint64_t count,
                 absl::Duration timeout) {
  const table::ChangesLine& line = table.fixed().changes;
  timeout = std::min(timeout, kLongestSleep);
  if (writable) {
    count |= 1;
    if ((table.mutable_fixed().changes.wake.fetch_or(1) | 1) != count) return;
  } else if (line.recording.load(std::memory_order_relaxed) !=
             static_cast<uint64_t>(table::ChangeRecording::kForReaders)) {
    timeout = std::min(timeout, kPoll);
  }
  os::WaitWhile(line.wake, count, timeout);
}

}  // namespace cubby::attach
