// A moment by which something must be done, on a clock that nobody can set.
#ifndef CUBBY_OS_DEADLINE_H_
#define CUBBY_OS_DEADLINE_H_

#include <algorithm>
#include <cstdint>

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
  // When that is, as BootNanos() counts, for other processes to know; 0: never.
  uint64_t InBootNanos() const {
    if (end_ == absl::InfiniteDuration()) return 0;
    return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Nanoseconds(end_), 1));
  }
  friend bool operator<(const Deadline& a, const Deadline& b) { return a.end_ < b.end_; }

 private:
  absl::Duration end_;  // since the machine booted
};

}  // namespace cubby::os

#endif  // CUBBY_OS_DEADLINE_H_
