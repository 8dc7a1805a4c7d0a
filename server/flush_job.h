// Deletes every entry that is there when it starts, a piece at a time under the writer lock: other
// writers go on meanwhile. An early end leaves the rest of the entries.
#ifndef CUBBY_SERVER_FLUSH_JOB_H_
#define CUBBY_SERVER_FLUSH_JOB_H_

#include "server/request_job.h"
#include "table/sweep.h"

namespace cubby::server {

class FlushJob final : public RequestJob {
 public:
  explicit FlushJob(Context context);

 private:
  // DataLoss if damaged entries were met, which stay.
  absl::StatusOr<Progress> Work(const os::Deadline& until, control::Response* response) override;
  void End(const absl::Status& status) override;

  table::Sweep sweep_;
  absl::Status damage_;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_FLUSH_JOB_H_
