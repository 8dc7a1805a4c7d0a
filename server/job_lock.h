// The store's writer lock, shared by the daemon's jobs. For the lock itself the daemon is one
// writer; this records whether a job owns it. Used by the daemon's one thread.
#ifndef CUBBY_SERVER_JOB_LOCK_H_
#define CUBBY_SERVER_JOB_LOCK_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lock/writer_lock.h"
#include "table/table.h"

namespace cubby::server {

class JobLock {
 public:
  // How long a step waits for another process to release the lock. Writers hold it for
  // microseconds.
  static constexpr absl::Duration kPatience = absl::Milliseconds(10);
  // How long a job is blocked when another job owns the lock.
  static constexpr absl::Duration kPause = absl::Milliseconds(10);

  // Both outlive this.
  JobLock(lock::WriterLock* lock, const table::WritableTable* table)
      : lock_(*lock), table_(*table) {}

  // OK: the caller owns the lock until Release(), which may come many steps later.
  // Unavailable, at once, if another job owns it; DeadlineExceeded if another process has kept it
  // for kPatience.
  absl::Status Acquire();
  // Wakes those that watch the store's changes. REQUIRES: the caller owns the lock.
  void Release();

 private:
  lock::WriterLock& lock_;
  const table::WritableTable& table_;
  bool owned_ = false;  // by a job
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_JOB_LOCK_H_
