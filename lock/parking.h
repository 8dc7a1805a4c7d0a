// Where a writer sleeps until the lock word changes: a futex on Linux, a named event on Windows.
#ifndef CUBBY_LOCK_PARKING_H_
#define CUBBY_LOCK_PARKING_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::lock {

// Movable; safe from many threads and, for one store, many processes.
class Parking {
 public:
  static absl::StatusOr<Parking> Open(absl::string_view store);

  Parking(Parking&& other) noexcept;
  Parking& operator=(Parking&&) = delete;
  ~Parking();

  // Sleeps while the low half of *word equals the low half of `expected`, until WakeOne() or for
  // `timeout`. May return early. `word` must lie in a mapping that is open for writing.
  void Wait(const std::atomic<uint64_t>& word, uint64_t expected, absl::Duration timeout) const;
  // Wakes one sleeper, if there is one.
  void WakeOne(const std::atomic<uint64_t>& word) const;

 private:
  struct Impl;
  explicit Parking(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;  // null on Linux: a futex has no handle
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_PARKING_H_
