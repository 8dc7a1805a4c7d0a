// A live writer that holds a store's lock.
#ifndef CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_
#define CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "table/layout.h"

namespace cubby::test {

// The waiters bit of the lock word (docs/layout.md).
inline constexpr uint64_t kLockHasWaiters = 0x8000;

// A writer that acquires the store's lock and keeps it, like a process stopped in a debugger.
class StuckWriter {
 public:
  static std::unique_ptr<StuckWriter> Of(const std::string& store) {
    auto attachment = attach::Attachment::Open(store, {});
    EXPECT_TRUE(attachment.ok()) << attachment.status();
    if (!attachment.ok()) return nullptr;
    EXPECT_TRUE((*attachment)->current().lock()->Acquire(absl::Seconds(60)).ok());
    return std::unique_ptr<StuckWriter>(new StuckWriter(*std::move(attachment)));
  }
  ~StuckWriter() { LetGo(); }

  // Waits until another writer waits for the lock.
  void AwaitAnother() const {
    const table::FixedPart& fixed = attachment_->current().table().fixed();
    const os::Deadline deadline(absl::Seconds(60));
    while ((fixed.lock.lock.word.load() & kLockHasWaiters) == 0) {
      ASSERT_FALSE(deadline.Passed());
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  void LetGo() {
    if (std::exchange(has_it_, false)) attachment_->current().lock()->Release();
  }

 private:
  explicit StuckWriter(std::unique_ptr<attach::Attachment> attachment)
      : attachment_(std::move(attachment)) {}

  const std::unique_ptr<attach::Attachment> attachment_;
  bool has_it_ = true;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_STUCK_WRITER_H_
