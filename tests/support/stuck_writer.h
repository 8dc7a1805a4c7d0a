// A live writer that holds a store's lock.
#ifndef CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_
#define CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "table/layout.h"

namespace cubby::test {

// The waiters bit of the lock word (docs/layout.md).
inline constexpr uint64_t kLockHasWaiters = 0x8000;

// A writer that acquires the store's lock and keeps it, like a process stopped in a debugger.
class StuckWriter {
 public:
  static std::unique_ptr<StuckWriter> Of(const std::string& store) {
    auto mapping = os::Mapping::Open(store, os::Access::kReadWrite);
    auto seats = lock::Seats::Open(store);
    EXPECT_TRUE(mapping.ok() && seats.ok()) << mapping.status() << seats.status();
    if (!mapping.ok() || !seats.ok()) return nullptr;
    auto* const fixed = reinterpret_cast<table::FixedPart*>(mapping->data());
    auto lock =
        lock::WriterLock::Open(store, *std::move(seats), &fixed->lock.lock, &fixed->incarnations);
    EXPECT_TRUE(lock.ok() && (*lock)->Acquire(absl::Seconds(60)).ok()) << lock.status();
    if (!lock.ok()) return nullptr;
    return std::unique_ptr<StuckWriter>(new StuckWriter(*std::move(mapping), *std::move(lock)));
  }
  ~StuckWriter() { LetGo(); }

  // Waits until another writer waits for the lock.
  void AwaitAnother() const {
    const auto* const fixed = reinterpret_cast<const table::FixedPart*>(mapping_.data());
    const os::Deadline deadline(absl::Seconds(60));
    while ((fixed->lock.lock.word.load() & kLockHasWaiters) == 0) {
      ASSERT_FALSE(deadline.Passed());
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  void LetGo() {
    if (std::exchange(has_it_, false)) lock_->Release();
  }

 private:
  StuckWriter(os::Mapping mapping, std::unique_ptr<lock::WriterLock> lock)
      : mapping_(std::move(mapping)), lock_(std::move(lock)) {}

  const os::Mapping mapping_;
  const std::unique_ptr<lock::WriterLock> lock_;
  bool has_it_ = true;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_
