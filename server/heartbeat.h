// Once a second: stores the daemon's process id and the time in the store's state line, and checks
// whether the store was truncated or overwritten, its names are gone, or its lock file was
// overwritten.
#ifndef CUBBY_SERVER_HEARTBEAT_H_
#define CUBBY_SERVER_HEARTBEAT_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "os/deadline.h"
#include "server/owned_store.h"

namespace cubby::server {

class Heartbeat {
 public:
  // `store` outlives this.
  explicit Heartbeat(OwnedStore* store) : store_(*store) {}

  // Beats if it is time to. Returns how long until the next beat.
  // FailedPrecondition, and the store is marked as retired, if its names are gone.
  absl::StatusOr<absl::Duration> BeatIfDue();

 private:
  OwnedStore& store_;
  os::Deadline next_{absl::ZeroDuration()};
  bool damage_logged_ = false;
  bool hidden_ = false;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_HEARTBEAT_H_
