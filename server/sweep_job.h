// Removes expired entries: starts a sweep whenever some entry may have expired, once a second at
// most. The job is never done.
#ifndef CUBBY_SERVER_SWEEP_JOB_H_
#define CUBBY_SERVER_SWEEP_JOB_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/owned_store.h"
#include "table/sweep.h"

namespace cubby::server {

class SweepJob final : public Job {
 public:
  // Both outlive this.
  SweepJob(OwnedStore* store, JobLock* lock) : store_(*store), lock_(*lock) {}

  Progress Step(const os::Deadline& until) override;
  void Cancel(const absl::Status&) override {}

 private:
  void LogDamage();

  OwnedStore& store_;
  JobLock& lock_;
  absl::optional<table::Sweep> sweep_;  // under way
  uint64_t damaged_ = 0;                // steps of this sweep that met damage
  uint64_t damaged_logged_ = 0;         // of the last sweep that was logged
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_SWEEP_JOB_H_
