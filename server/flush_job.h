// Deletes every entry that the store has when the job starts. The writer lock is taken for a piece
// at a time, so that other writers can work in between. An early end leaves the other entries.
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
