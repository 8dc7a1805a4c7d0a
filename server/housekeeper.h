// What the daemon does unasked: shows that it lives, removes entries that have expired, and tells
// when the store was truncated under it.
#ifndef CUBBY_SERVER_HOUSEKEEPER_H_
#define CUBBY_SERVER_HOUSEKEEPER_H_

#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "os/deadline.h"
#include "server/owned_store.h"
#include "table/sweep.h"

namespace cubby::server {

class Housekeeper {
 public:
  // `store` outlives this.
  explicit Housekeeper(OwnedStore* store) : store_(*store) {}

  // Does what is due, but at most one step of a sweep, so that it is done in a millisecond; or, if
  // another writer keeps the lock, in kLockPatience. Returns how long nothing more is due.
  absl::Duration Run();

 private:
  void BeginRound();
  void StepSweep();

  OwnedStore& store_;
  os::Deadline next_round_{absl::ZeroDuration()};
  absl::optional<table::Sweep> sweep_;
  bool blocked_ = false;  // until the next round: another writer keeps the lock
  uint64_t damaged_ = 0;  // steps of this sweep that met damage
  uint64_t damaged_told_ = 0;
  bool truncated_told_ = false;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_HOUSEKEEPER_H_
