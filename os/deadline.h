// A moment by which something must be done, on a clock that nobody can set.
#ifndef CUBBY_OS_DEADLINE_H_
#define CUBBY_OS_DEADLINE_H_

#include "absl/time/time.h"
#include "os/clock.h"

namespace cubby::os {

class Deadline {
 public:
  // `timeout` from now; absl::InfiniteDuration() for never.
  explicit Deadline(absl::Duration timeout) : end_(absl::Nanoseconds(BootNanos()) + timeout) {}

  // Never negative.
  absl::Duration Left() const {
    const absl::Duration left = end_ - absl::Nanoseconds(BootNanos());
    return left > absl::ZeroDuration() ? left : absl::ZeroDuration();
  }
  bool Passed() const { return Left() == absl::ZeroDuration(); }
  friend bool operator<(const Deadline& a, const Deadline& b) { return a.end_ < b.end_; }

 private:
  absl::Duration end_;  // since the machine booted
};

}  // namespace cubby::os

#endif  // CUBBY_OS_DEADLINE_H_
