// Moves the store's memory into huge pages, once, while the store is served: pages that the system
// did not have at hand when the store was made, and those of a store that was kept.
#ifndef CUBBY_SERVER_HUGE_PAGES_JOB_H_
#define CUBBY_SERVER_HUGE_PAGES_JOB_H_

#include <cstdint>

#include "absl/status/status.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "server/job.h"
#include "server/owned_store.h"

namespace cubby::server {

class HugePagesJob : public Job {
 public:
  // `store` outlives the job.
  explicit HugePagesJob(OwnedStore* store) : store_(*store) {}

  Progress Step(const os::Deadline& until) override;
  void Cancel(const absl::Status&) override {}

 private:
  OwnedStore& store_;
  uint64_t next_ = os::kHugePageBytes;  // offset of the page to move
  int failures_ = 0;                    // in a row
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_HUGE_PAGES_JOB_H_
