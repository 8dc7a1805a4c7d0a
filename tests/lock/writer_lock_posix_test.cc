// The lock and fork(), which only POSIX has: see writer_lock_test.cc for the rest.
#include <sys/wait.h>
#include <unistd.h>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/lock/writer_lock_fixture.h"

namespace cubby::lock {
namespace {

using WriterLockPosixTest = WriterLockFixture;

TEST_F(WriterLockPosixTest, ForksChildIsToldToOpenAgainAndTheParentGoesOn) {
  const pid_t child = fork();
  if (child == 0) {
    const bool told = absl::IsFailedPrecondition(lock_->Acquire(absl::Seconds(1)));
    lock_.reset();  // closes nothing of the parent's
    auto own = OpenLock(store_, memory_);
    const bool can_open = own.ok() && (*own)->Acquire(absl::Seconds(60)).ok();
    if (can_open) (*own)->Release();
    _exit(told && can_open ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  // The parent's seat is still its own: another writer waits for it in vain.
  ASSERT_TRUE(lock_->Acquire(absl::Seconds(60)).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(Open()->Acquire(absl::Milliseconds(50))));
  lock_->Release();
}

}  // namespace
}  // namespace cubby::lock
