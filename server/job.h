// Long work of the daemon, cut into steps that its one thread does between requests.
//
//   loop:  heartbeat if due -> one step of one job -> requests that have arrived -> ...
//
// So a request, a signal or the heartbeat waits for one step at most: Jobs::kStepBudget, plus
// JobLock::kPatience if another process keeps the writer lock. Jobs take turns. Requests that need
// no job (ping, info, stats) come before the next step.
#ifndef CUBBY_SERVER_JOB_H_
#define CUBBY_SERVER_JOB_H_

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "os/deadline.h"

namespace cubby::server {

class Job {
 public:
  // What comes after a step.
  class Progress {
   public:
    static Progress Running() { return Progress(false, absl::ZeroDuration()); }
    // The job cannot go on now, because another job or process holds the lock, or because there is
    // nothing to do: no step before `pause` is over.
    static Progress Blocked(absl::Duration pause) { return Progress(false, pause); }
    static Progress Done() { return Progress(true, absl::ZeroDuration()); }

    bool done() const { return done_; }
    absl::Duration pause() const { return pause_; }

   private:
    Progress(bool done, absl::Duration pause) : done_(done), pause_(pause) {}
    bool done_;
    absl::Duration pause_;
  };

  virtual ~Job() = default;
  // Works until `until`, at most a few milliseconds longer, and at least a little. Not called again
  // after Done().
  virtual Progress Step(const os::Deadline& until) = 0;
  // Ends the job early, because of `why`, and releases what it holds.
  virtual void Cancel(const absl::Status& why) = 0;
};

class Jobs {
 public:
  // Short compared with what a client notices, long compared with the system calls between steps.
  static constexpr absl::Duration kStepBudget = absl::Milliseconds(5);

  void Add(std::unique_ptr<Job> job);
  // Does one step of the next job that is not blocked. Returns for how long all jobs are blocked
  // then: zero if one is not, infinite if there is none.
  absl::Duration Step();
  // Cancels and removes all jobs.
  void Cancel(const absl::Status& why);

  size_t size() const { return jobs_.size(); }

 private:
  struct Entry {
    std::unique_ptr<Job> job;
    os::Deadline blocked;
  };
  std::deque<Entry> jobs_;  // in the order of their turns
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_JOB_H_
