// The sleep of processes that watch a store's changes (table/changes.h), and what wakes them: the
// word ChangesLine::wake, a count of commits and a bit that says whether a process may sleep.
#ifndef CUBBY_ATTACH_WATCHERS_H_
#define CUBBY_ATTACH_WATCHERS_H_

#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/time/time.h"
#include "table/changes.h"
#include "table/table.h"

namespace cubby::attach {

// Wakes the watchers when it is destroyed, if commits are recorded. That is to be after the release
// of the writer lock, so that no watcher waits for the lock when it wakes.
class WatchersCall {
 public:
  // `table` outlives this.
  explicit WatchersCall(const table::WritableTable& table) : table_(table) {}
  WatchersCall(const WatchersCall&) = delete;
  WatchersCall& operator=(const WatchersCall&) = delete;
  ~WatchersCall() {
    if (ABSL_PREDICT_FALSE(table::Recording(table_))) Wake();
  }

 private:
  void Wake() const;

  const table::WritableTable& table_;
};

// Returns the word that AwaitChange() takes. To be called before the look for a change.
uint64_t CountOfChanges(const table::Table& table);

// Sleeps until a commit after that call of CountOfChanges(), for `timeout` or a second, whichever
// is shorter. May return early. A process that cannot write looks every 10 ms unless the daemon has
// writers wake it (ChangeRecording::kForReaders); one on Windows always does.
void AwaitChange(const table::WritableTable& table, bool writable, uint64_t count,
                 absl::Duration timeout);

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_WATCHERS_H_
