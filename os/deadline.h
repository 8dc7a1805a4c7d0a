// A time by which an operation must end, on a clock that is never set.
#ifndef CUBBY_OS_DEADLINE_H_
#define CUBBY_OS_DEADLINE_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "os/clock.h"

namespace cubby::os {

class Deadline {
 public:
  // `timeout` from now; absl::InfiniteDuration() means never.
  explicit Deadline(absl::Duration timeout) : end_(absl::Nanoseconds(BootNanos()) + timeout) {}

  // Returns the time until then, never negative.
  absl::Duration Left() const {
    const absl::Duration left = end_ - absl::Nanoseconds(BootNanos());
    return left > absl::ZeroDuration() ? left : absl::ZeroDuration();
  }
  bool Passed() const { return Left() == absl::ZeroDuration(); }
  // Returns the deadline in BootNanos(), for other processes; 0 means never.
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
