// A job that carries out a request: it answers the request at its end, and ends early once the
// request's deadline has passed.
#ifndef CUBBY_SERVER_REQUEST_JOB_H_
#define CUBBY_SERVER_REQUEST_JOB_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "os/deadline.h"
#include "proto/control.pb.h"
#include "server/job.h"
#include "server/job_lock.h"
#include "server/owned_store.h"

namespace cubby::server {

class RequestJob : public Job {
 public:
  struct Context {
    OwnedStore* store;  // outlives the job, as does `lock`
    JobLock* lock;
    uint64_t deadline_ns;  // control::Request::deadline_ns
    // Called once, at the job's end.
    std::function<void(absl::StatusOr<control::Response>)> answer;
  };

  Progress Step(const os::Deadline& until) final;
  void Cancel(const absl::Status& why) final;

 protected:
  explicit RequestJob(Context context);

  // Does a step. With Done(), *response is the answer; an error ends the job and is the answer.
  virtual absl::StatusOr<Progress> Work(const os::Deadline& until, control::Response* response) = 0;
  // Called once, at the job's end and before the answer: releases what the job holds. `status`: of
  // the answer.
  virtual void End(const absl::Status& status) = 0;

  // Takes the writer lock, which the caller releases. Returns nullopt if the job owns it now, else
  // what Work() has to return. DeadlineExceeded if other processes have kept it for kLockTimeout.
  absl::StatusOr<absl::optional<Progress>> AcquireLock();

  OwnedStore& store() { return *context_.store; }
  JobLock& lock() { return *context_.lock; }

 private:
  void Finish(absl::StatusOr<control::Response> result);

  const Context context_;
  control::Response response_;
  absl::optional<os::Deadline> patience_;  // while another process keeps the lock
};

// DeadlineExceeded if `deadline_ns` of the boot clock has passed; 0 means no deadline.
absl::Status CheckDeadline(const std::string& store, uint64_t deadline_ns);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_REQUEST_JOB_H_
