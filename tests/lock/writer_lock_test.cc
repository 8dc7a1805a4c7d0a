#include "lock/writer_lock.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lock/writer_lock_fixture.h"
#include "tests/support/child.h"

namespace cubby::lock {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Milliseconds(50);
constexpr int kRounds = 5'000;

int CountUp(WriterLock* lock, LockedMemory* memory) {
  for (int i = 0; i < kRounds; ++i) {
    if (!lock->Acquire(kLong).ok()) return 1;
    ++memory->counter;
    lock->Release();
  }
  return 0;
}

// Counts up under the lock of store args[0].
CUBBY_CHILD(CountsUp) {
  auto mapping = os::Mapping::Open(args[0], os::Access::kReadWrite);
  if (!mapping.ok()) return 1;
  auto lock = OpenLock(args[0], MemoryIn(*mapping));
  return lock.ok() ? CountUp(lock->get(), MemoryIn(*mapping)) : 1;
}

// Has the lock of store args[0] until its input ends.
CUBBY_CHILD(HoldsLock) {
  auto mapping = os::Mapping::Open(args[0], os::Access::kReadWrite);
  if (!mapping.ok()) return 1;
  auto lock = OpenLock(args[0], MemoryIn(*mapping));
  if (!lock.ok() || !(*lock)->Acquire(kLong).ok()) return 1;
  const WriterLockHolder holder(lock->get());
  test::ReportReady();
  test::WaitForInputEnd();
  return 0;
}

class WriterLockTest : public WriterLockFixture {
 protected:
  std::unique_ptr<test::Subprocess> Holder() {
    auto holder = test::StartChild("HoldsLock", {store_});
    EXPECT_TRUE(holder.ok()) << holder.status();
    EXPECT_TRUE(test::WaitUntilReady(**holder).ok());
    return *std::move(holder);
  }
};

TEST_F(WriterLockTest, ReleasedLockIsFree) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(lock_->Acquire(kShort).ok());
    EXPECT_NE(memory_->lock.word.load(), 0u);
    lock_->Release();
    EXPECT_EQ(memory_->lock.word.load(), 0u);
  }
}

TEST_F(WriterLockTest, ThreadsOfOneHandleExcludeEachOther) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { EXPECT_EQ(CountUp(lock_.get(), memory_), 0); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory_->counter, 4u * kRounds);
}

TEST_F(WriterLockTest, HandlesOfOneProcessExcludeEachOther) {
  std::vector<std::unique_ptr<WriterLock>> locks;
  locks.reserve(4);
  for (int i = 0; i < 4; ++i) locks.push_back(Open());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (const auto& lock : locks) {
    threads.emplace_back([&] { EXPECT_EQ(CountUp(lock.get(), memory_), 0); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory_->counter, 4u * kRounds);
}

TEST_F(WriterLockTest, ProcessesExcludeEachOther) {
  std::vector<std::unique_ptr<test::Subprocess>> processes;
  for (int i = 0; i < 3; ++i) {
    auto process = test::StartChild("CountsUp", {store_});
    ASSERT_TRUE(process.ok()) << process.status();
    processes.push_back(*std::move(process));
  }
  for (const auto& process : processes) EXPECT_EQ(process->Wait(kLong).exit_code, 0);
  ASSERT_TRUE(lock_->Acquire(kLong).ok());
  EXPECT_EQ(memory_->counter, 3u * kRounds);
  lock_->Release();
  EXPECT_EQ(memory_->lock.takeovers.load(), 0u) << "no owner was killed";
}

TEST_F(WriterLockTest, LivingOwnerIsWaitedForAndNeverRobbed) {
  const std::unique_ptr<test::Subprocess> holder = Holder();
  const uint64_t word = memory_->lock.word.load();
  EXPECT_TRUE(absl::IsDeadlineExceeded(lock_->Acquire(kShort)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(lock_->Acquire(absl::ZeroDuration())));
  EXPECT_EQ(memory_->lock.word.load() >> 32, word >> 32) << "still the holder's";
  EXPECT_EQ(memory_->lock.takeovers.load(), 0u);
  holder->CloseInput();
  EXPECT_TRUE(lock_->Acquire(kLong).ok());
  lock_->Release();
}

TEST_F(WriterLockTest, OwnThreadWithTheLockIsNotRobbed) {
  ASSERT_TRUE(lock_->Acquire(kShort).ok());
  std::thread([this] { EXPECT_TRUE(absl::IsDeadlineExceeded(lock_->Acquire(kShort))); }).join();
  lock_->Release();
}

TEST_F(WriterLockTest, KilledOwnerIsTakenOverAndCounted) {
  const std::unique_ptr<test::Subprocess> holder = Holder();
  holder->Kill();
  EXPECT_EQ(holder->Wait(kLong).exit_code, 137);
  EXPECT_TRUE(lock_->Acquire(kLong).ok());
  EXPECT_EQ(memory_->lock.takeovers.load(), 1u);
  lock_->Release();
}

TEST_F(WriterLockTest, KilledOwnerIsTakenOverHoweverShortTheTimeout) {
  const std::unique_ptr<test::Subprocess> holder = Holder();
  holder->Kill();
  holder->Wait(kLong);
  EXPECT_TRUE(lock_->Acquire(absl::ZeroDuration()).ok());
  lock_->Release();
}

TEST_F(WriterLockTest, OfManyWaitersOneTakesOver) {
  const std::unique_ptr<test::Subprocess> holder = Holder();
  std::vector<std::thread> waiters;
  waiters.reserve(4);
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([this] {
      ASSERT_TRUE(lock_->Acquire(kLong).ok());
      ++memory_->counter;
      lock_->Release();
    });
  }
  holder->Kill();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(memory_->counter, 4u);
  EXPECT_EQ(memory_->lock.takeovers.load(), 1u);
}

TEST_F(WriterLockTest, WordOfTheDeadIsNotMistakenForTheLivingOnTheSameSeat) {
  // The word that the last incarnation on this handle's seat would have left.
  ASSERT_TRUE(lock_->Acquire(kShort).ok());
  const uint64_t mine = memory_->lock.word.load();
  lock_->Release();
  memory_->lock.word.store(mine - (uint64_t{1} << 32));
  EXPECT_TRUE(lock_->Acquire(kLong).ok());
  lock_->Release();
  memory_->lock.word.store(mine - (uint64_t{1} << 32));
  const std::unique_ptr<WriterLock> other = Open();
  EXPECT_TRUE(other->Acquire(kLong).ok());
  other->Release();
}

TEST_F(WriterLockTest, WhoeverSitsDownRaisesTheSeatsIncarnation) {
  for (const uint32_t incarnation : {0u, 6u, 0x7fffffffu}) {
    for (auto& of_seat : memory_->incarnations.of_seat) of_seat.store(incarnation);
    const std::unique_ptr<WriterLock> lock = Open();
    EXPECT_EQ(memory_->incarnations.of_seat[lock->seat()].load(), incarnation + 1);
    ASSERT_TRUE(lock->Acquire(kLong).ok());
    EXPECT_EQ(memory_->lock.word.load(), uint64_t{incarnation + 1} << 32 | (lock->seat() + 1));
    lock->Release();
  }
}

TEST_F(WriterLockTest, GarbageInTheWordIsSurvived) {
  for (const uint64_t garbage :
       {uint64_t{0x8000}, ~uint64_t{0}, uint64_t{0x7fff}, uint64_t{0xffff0001}, uint64_t{1025},
        uint64_t{0xdeadbeef00000000}, uint64_t{1024}, uint64_t{0x1234567800000001}}) {
    memory_->lock.word.store(garbage);
    EXPECT_TRUE(lock_->Acquire(kLong).ok()) << garbage;
    lock_->Release();
    EXPECT_EQ(memory_->lock.word.load(), 0u);
  }
}

TEST_F(WriterLockTest, LivingOwnersWordWithReservedBitsSetIsNobodys) {
  auto other = OpenLock(store_, memory_);
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->Acquire(kLong).ok());
  const uint64_t word = memory_->lock.word;
  for (int bit = 16; bit < 32; ++bit) {
    memory_->lock.word = word | uint64_t{1} << bit;
    EXPECT_TRUE(lock_->Acquire(kLong).ok()) << bit;
    lock_->Release();
  }
}

TEST_F(WriterLockTest, AllSeatsTakenNamesTheLimit) {
  auto greedy = Seats::Open(store_);
  ASSERT_TRUE(greedy.ok()) << greedy.status();
  for (uint32_t seat = 0; seat < kMaxWriters; ++seat) {
    ASSERT_TRUE((*greedy)->Claim(seat).ok());
  }
  const absl::Status status = OpenLock(store_, memory_).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("1024"));
}

// Whenever the lock asks whether one killed owner lives, the word names the next one.
TEST(HostileLockTest, OwnersWhoChangeWhileTheyAreJudgedDoNotOutlastTheDeadline) {
  constexpr uint32_t kOwnSeat = 0;
  constexpr uint32_t kKilledOwners = 100;
  const auto words = std::make_unique<LockWords>();
  const auto incarnations = std::make_unique<IncarnationTable>();
  const auto word_of = [](uint32_t seat) { return uint64_t{seat} + 1; };
  const auto is_held = [&words, word_of](uint32_t seat) {
    if (seat < kKilledOwners) words->word.store(word_of(seat + 1));
    return false;
  };
  const auto lock =
      WriterLock::OpenAt("hostile", kOwnSeat, is_held, words.get(), incarnations.get());
  ASSERT_TRUE(lock.ok()) << lock.status();
  words->word.store(word_of(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded((*lock)->Acquire(absl::ZeroDuration())));
}

}  // namespace
}  // namespace cubby::lock
