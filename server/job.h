// Daemon work that takes longer than a request may have to wait: cut into steps, which the daemon's
// one thread does between requests.
//
//   loop:  heartbeat if due -> one step of one job -> requests that came meanwhile -> ...
//
// So a request, a signal or the heartbeat waits for one step at most: kStepBudget, and
// JobLock::kPatience if another process keeps the writer lock. Jobs take turns, however many there
// are. Requests that need no job (ping, info, stats) come before all of them.
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
    // Something else has what the job needs; another step makes sense after `pause`.
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
  // Works until `until`, and at most some milliseconds longer. It is not called again after Done().
  virtual Progress Step(const os::Deadline& until) = 0;
  // Ends the job early, because of `why`. It releases what it holds.
  virtual void Cancel(const absl::Status& why) = 0;
};

class Jobs {
 public:
  // Short beside what a client notices, long beside the system calls between two steps.
  static constexpr absl::Duration kStepBudget = absl::Milliseconds(5);

  void Add(std::unique_ptr<Job> job);
  // Gives one step to the next job that is not blocked. Returns how long there is nothing to do
  // then.
  absl::Duration Step();
  // Ends all jobs.
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
