#include "lock/seats.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "tests/support/child.h"

namespace cubby::lock {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(60);

// Sits on seat args[1] of store args[0] until its input ends.
CUBBY_CHILD(HoldsSeat) {
  auto seats = Seats::Open(args[0]);
  uint32_t seat = 0;
  if (!seats.ok() || !absl::SimpleAtoi(args[1], &seat)) return 1;
  const absl::StatusOr<bool> claimed = (*seats)->Claim(seat);
  if (!claimed.ok() || !*claimed) return 2;
  test::ReportReady();
  test::WaitForInputEnd();
  return 0;
}

// Is the daemon of store args[0] until its input ends.
CUBBY_CHILD(IsTheDaemon) {
  bool created = false;
  auto seats = Seats::OpenForDaemon(args[0], 0600, &created);
  if (!seats.ok()) return absl::IsAlreadyExists(seats.status()) ? 2 : 1;
  test::ReportReady();
  test::WaitForInputEnd();
  return 0;
}

class SeatsTest : public testing::Test {
 protected:
  void SetUp() override {
    bool created = false;
    auto daemon = Seats::OpenForDaemon(store_, 0600, &created);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    EXPECT_TRUE(created);
    daemon_ = *std::move(daemon);
    seats_ = Open();
    ASSERT_NE(seats_, nullptr);
  }
  void TearDown() override { EXPECT_TRUE(Seats::Remove(store_).ok()); }

  std::unique_ptr<Seats> Open() const {
    auto seats = Seats::Open(store_);
    EXPECT_TRUE(seats.ok()) << seats.status();
    return seats.ok() ? *std::move(seats) : nullptr;
  }
  // A process that has the seat.
  std::unique_ptr<test::Subprocess> Holder(const std::string& seat) const {
    auto holder = test::StartChild("HoldsSeat", {store_, seat});
    EXPECT_TRUE(holder.ok()) << holder.status();
    EXPECT_TRUE(test::WaitUntilReady(**holder).ok());
    return *std::move(holder);
  }

  const std::string store_ = test::UniqueStoreName("seats");
  std::unique_ptr<Seats> daemon_;
  std::unique_ptr<Seats> seats_;
};

TEST_F(SeatsTest, FreeSeatIsClaimedOnce) {
  EXPECT_TRUE(seats_->Claim(7).value());
  EXPECT_FALSE(seats_->Claim(7).value()) << "this very handle has it";
  EXPECT_TRUE(seats_->Claim(8).value());
}

TEST_F(SeatsTest, AnotherHandleOfTheProcessIsRefusedAndSeesTheHolder) {
  const std::unique_ptr<Seats> other = Open();
  ASSERT_TRUE(seats_->Claim(7).value());
  EXPECT_FALSE(other->Claim(7).value());
  EXPECT_TRUE(other->IsHeld(7));
  EXPECT_FALSE(other->IsHeld(8));
}

TEST_F(SeatsTest, ClosingTheHandleFreesItsSeats) {
  const std::unique_ptr<Seats> other = Open();
  ASSERT_TRUE(seats_->Claim(7).value());
  seats_.reset();
  EXPECT_FALSE(other->IsHeld(7));
  EXPECT_TRUE(other->Claim(7).value());
}

TEST_F(SeatsTest, ReleasedSeatIsFreeAndTheOthersStay) {
  const std::unique_ptr<Seats> other = Open();
  ASSERT_TRUE(seats_->Claim(7).value());
  ASSERT_TRUE(seats_->Claim(8).value());
  EXPECT_TRUE(seats_->Release(7).ok());
  EXPECT_FALSE(other->IsHeld(7));
  EXPECT_TRUE(other->IsHeld(8));
  EXPECT_TRUE(other->Claim(7).value());
  EXPECT_FALSE(seats_->Claim(7).value());
}

TEST_F(SeatsTest, DaemonsSeatThatIsHandedOverIsForNoOtherStart) {
  ASSERT_TRUE(daemon_->Claim(kHandOverSeat).value());
  ASSERT_TRUE(daemon_->Release(kDaemonSeat).ok());
  bool created;
  EXPECT_EQ(Seats::OpenForDaemon(store_, 0600, &created).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(seats_->Claim(kDaemonSeat).value()) << "for the successor";
  EXPECT_FALSE(daemon_->Claim(kDaemonSeat).value());
}

TEST_F(SeatsTest, SeatOutlivesTheThreadThatClaimedIt) {
  const std::unique_ptr<Seats> other = Open();
  std::thread([this] { EXPECT_TRUE(seats_->Claim(7).value()); }).join();
  EXPECT_TRUE(other->IsHeld(7));
  EXPECT_FALSE(other->Claim(7).value());
}

TEST_F(SeatsTest, AskingDoesNotTakeTheSeat) {
  const std::unique_ptr<Seats> other = Open();
  std::thread([&other] { EXPECT_FALSE(other->IsHeld(7)); }).join();
  EXPECT_TRUE(seats_->Claim(7).value());
}

TEST_F(SeatsTest, AnotherProcessHoldsItUntilItEnds) {
  const std::unique_ptr<test::Subprocess> holder = Holder("7");
  EXPECT_TRUE(seats_->IsHeld(7));
  EXPECT_FALSE(seats_->Claim(7).value());
  holder->CloseInput();
  EXPECT_EQ(holder->Wait(kDeadline).exit_code, 0);
  EXPECT_FALSE(seats_->IsHeld(7));
}

TEST_F(SeatsTest, KilledHolderFreesItsSeatAtOnce) {
  const std::unique_ptr<test::Subprocess> holder = Holder("7");
  holder->Kill();
  EXPECT_EQ(holder->Wait(kDeadline).exit_code, 137);
  EXPECT_FALSE(seats_->IsHeld(7));
  EXPECT_TRUE(seats_->Claim(7).value());
}

TEST_F(SeatsTest, SecondDaemonIsRefused) {
  bool created = false;
  EXPECT_TRUE(absl::IsAlreadyExists(Seats::OpenForDaemon(store_, 0600, &created).status()));
  EXPECT_EQ(test::Run({test::SelfPath(), "--child=IsTheDaemon", store_}).exit_code, 2);
}

TEST_F(SeatsTest, DaemonIsNotRefusedBecauseSomebodyLooksForOne) {
  daemon_.reset();
  std::atomic<bool> stop{false};
  uint64_t longest_ns = 0;
  std::thread looks([&] {
    while (!stop.load()) {
      const uint64_t began = os::BootNanos();
      seats_->IsHeld(kDaemonSeat);
      longest_ns = std::max(longest_ns, os::BootNanos() - began);
    }
  });
  absl::Status refused;
  for (int turn = 0; turn < 20; ++turn) {
    bool created = false;
    refused.Update(Seats::OpenForDaemon(store_, 0600, &created).status());
  }
  stop.store(true);
  looks.join();
  // A look that the system held up for as long as a daemon waits is taken for a daemon.
  EXPECT_TRUE(refused.ok() || longest_ns >= 50'000'000)
      << refused << ", looked for up to " << longest_ns << " ns";
}

TEST_F(SeatsTest, KilledDaemonIsReplaced) {
  daemon_.reset();
  auto old = test::StartChild("IsTheDaemon", {store_});
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(test::WaitUntilReady(**old).ok());
  bool created = false;
  EXPECT_TRUE(absl::IsAlreadyExists(Seats::OpenForDaemon(store_, 0600, &created).status()));
  (*old)->Kill();
  EXPECT_EQ((*old)->Wait(kDeadline).exit_code, 137);
  auto daemon = Seats::OpenForDaemon(store_, 0600, &created);
  EXPECT_TRUE(daemon.ok()) << daemon.status();
}

}  // namespace
}  // namespace cubby::lock
