// Checks the whole table. The job owns the writer lock from its first step to its end, so that it
// sees one state of the store: writers wait, readers do not.
#ifndef CUBBY_SERVER_CHECK_JOB_H_
#define CUBBY_SERVER_CHECK_JOB_H_

#include "absl/types/optional.h"
#include "server/request_job.h"
#include "table/checker.h"

namespace cubby::server {

class CheckJob final : public RequestJob {
 public:
  explicit CheckJob(Context context);

 private:
  absl::StatusOr<Progress> Work(const os::Deadline& until, control::Response* response) override;
  void End(const absl::Status& status) override;

  absl::optional<table::Checker> checker_;  // while the job owns the lock
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CHECK_JOB_H_
