// What only the lock file promises: see seats_test.cc for the rest.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "gtest/gtest.h"
#include "lock/seats.h"
#include "tests/support/child.h"

namespace cubby::lock {
namespace {

class SeatsPosixTest : public testing::Test {
 protected:
  void TearDown() override {
    unlink(path_.c_str());
    unlink(other_path_.c_str());
  }
  absl::Status OpenStatus() const { return Seats::Open(store_).status(); }
  absl::Status DaemonStatus() const {
    bool created = false;
    return Seats::OpenForDaemon(store_, 0600, &created).status();
  }

  const std::string store_ = test::UniqueStoreName("seats");
  const std::string path_ = "/dev/shm/cubby." + store_ + ".lock";
  const std::string other_path_ = "/dev/shm/" + store_ + ".other";
};

TEST_F(SeatsPosixTest, NoLockFileIsNotFound) { EXPECT_TRUE(absl::IsNotFound(OpenStatus())); }

TEST_F(SeatsPosixTest, LockFileOutlivesTheDaemonAndIsTakenAgain) {
  bool created = false;
  ASSERT_TRUE(Seats::OpenForDaemon(store_, 0600, &created).ok());
  EXPECT_TRUE(created);
  ASSERT_TRUE(Seats::OpenForDaemon(store_, 0600, &created).ok());
  EXPECT_FALSE(created);
}

TEST_F(SeatsPosixTest, TellsWhoseSeatsTheyAre) {
  constexpr Instance kStore = {1, 2};
  constexpr Instance kOther = {1, 3};
  bool created = false;
  const auto daemon = Seats::OpenForDaemon(store_, 0600, &created).value();
  EXPECT_FALSE(daemon->BelongTo(kStore)) << "no store's yet";
  ASSERT_TRUE(daemon->GiveTo(kStore).ok());
  const auto seats = Seats::Open(store_).value();
  EXPECT_TRUE(seats->BelongTo(kStore));
  EXPECT_FALSE(seats->BelongTo(kOther));
  EXPECT_TRUE(seats->Claim(0).value()) << "that they are written to locks none";
  ASSERT_TRUE(daemon->GiveTo(kOther).ok());
  EXPECT_FALSE(seats->BelongTo(kStore));
  ASSERT_EQ(truncate(path_.c_str(), 15), 0);
  EXPECT_FALSE(seats->BelongTo(kOther));
}

TEST_F(SeatsPosixTest, SeatsThatExistAreToldWithoutMakingThem) {
  EXPECT_FALSE(Seats::Exist(store_));
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  ASSERT_TRUE(DaemonStatus().ok());
  EXPECT_TRUE(Seats::Exist(store_));
}

TEST_F(SeatsPosixTest, WhoMayWriteTheMappingMayLockAndNobodyElse) {
  const mode_t before = umask(0077);
  bool created = false;
  EXPECT_TRUE(Seats::OpenForDaemon(store_, 0664, &created).ok());
  umask(before);
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
}

TEST_F(SeatsPosixTest, LinkWithTheNameIsRefused) {
  ASSERT_EQ(symlink(other_path_.c_str(), path_.c_str()), 0);
  close(open(other_path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DaemonStatus()));
}

TEST_F(SeatsPosixTest, HardLinkToAnotherFileIsRefused) {
  close(open(other_path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_EQ(link(other_path_.c_str(), path_.c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DaemonStatus()));
}

TEST_F(SeatsPosixTest, FifoWithTheNameIsRefused) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStatus()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DaemonStatus()));
}

TEST_F(SeatsPosixTest, RemoveLeavesTheNameToWhoMadeItAnew) {
  bool created = false;
  auto first = Seats::OpenForDaemon(store_, 0600, &created);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(unlink(path_.c_str()), 0);
  auto second = Seats::OpenForDaemon(store_, 0600, &created);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE((*first)->Remove().ok());
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  EXPECT_TRUE((*second)->Remove().ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

// As programs do that make themselves daemons.
void CloseAllDescriptors() {
  for (int fd = 3; fd < 256; ++fd) close(fd);
}

TEST_F(SeatsPosixTest, ASeatIsHeldThoughItsProcessHasClosedTheDescriptor) {
  ASSERT_TRUE(DaemonStatus().ok());
  const auto seats = Seats::Open(store_).value();
  ASSERT_TRUE(seats->Claim(1).value());
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const auto mine = Seats::Open(store_);
    if (!mine.ok() || !(*mine)->Claim(0).value_or(false)) _exit(1);
    CloseAllDescriptors();
    // A number that was the lock file's is another's now.
    for (int i = 0; i < 16; ++i) (void)open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!(*mine)->IsHeld(1) || (*mine)->IsHeld(2)) _exit(2);
    if (!absl::IsFailedPrecondition((*mine)->Claim(2).status())) _exit(3);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, WUNTRACED), pid);
  EXPECT_TRUE(WIFSTOPPED(status)) << status;
  EXPECT_TRUE(seats->IsHeld(0));
  kill(pid, SIGKILL);
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_FALSE(seats->IsHeld(0));
}

// Forks while holding seat 7 and ends; the fork goes on until the input ends.
CUBBY_CHILD(ForksAndDies) {
  auto seats = Seats::Open(args[0]);
  if (!seats.ok() || !(*seats)->Claim(7).value()) return 1;
  if (fork() == 0) {
    const bool refused = absl::IsFailedPrecondition((*seats)->Claim(8).status());
    if (fork_count == 1 && refused) test::ReportReady();
    test::WaitForInputEnd();
    _exit(0);
  }
  test::WaitForInputEnd();
  return 0;
}

TEST_F(SeatsPosixTest, ForksChildKnowsAndDoesNotKeepItsParentsSeats) {
  bool created = false;
  auto daemon = Seats::OpenForDaemon(store_, 0600, &created);
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  auto parent = test::StartChild("ForksAndDies", {store_});
  ASSERT_TRUE(parent.ok()) << parent.status();
  ASSERT_TRUE(test::WaitUntilReady(**parent).ok());
  EXPECT_TRUE((*daemon)->IsHeld(7));
  // Its pid, so that its own child lives on.
  ASSERT_EQ(kill(static_cast<pid_t>((*parent)->pid()), SIGKILL), 0);
  // Not Wait(): that waits for the output's end too, which the grandchild holds off.
  while ((*parent)->Running()) {
  }
  EXPECT_FALSE((*daemon)->IsHeld(7));
}

}  // namespace
}  // namespace cubby::lock
