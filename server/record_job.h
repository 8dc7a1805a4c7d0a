// Has commits recorded for a client that watches the store's changes and cannot write.
#ifndef CUBBY_SERVER_RECORD_JOB_H_
#define CUBBY_SERVER_RECORD_JOB_H_

#include "absl/time/time.h"
#include "server/recorder.h"
#include "server/request_job.h"

namespace cubby::server {

class RecordJob final : public RequestJob {
 public:
  // `recorder` outlives this.
  RecordJob(Context context, Recorder* recorder, absl::Duration duration);

 private:
  absl::StatusOr<Progress> Work(const os::Deadline& until, control::Response* response) override;
  void End(const absl::Status&) override {}

  Recorder& recorder_;
  const absl::Duration duration_;
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_RECORD_JOB_H_
