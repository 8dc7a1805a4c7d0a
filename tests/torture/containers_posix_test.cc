// Processes of different pid namespaces at one store, as containers that share /dev/shm are. Each
// is process 1 of its own namespace: a lock that tested process ids would mistake one for the
// other.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "gtest/gtest.h"
#include "lock/writer_lock.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/shared.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

constexpr int kMayNot = 77;  // no namespaces to be had here

// What the owners of the lock do in it.
struct Inside {
  std::atomic<int> owners;
  std::atomic<int> overlaps;
  std::atomic<uint64_t> entered;
};

// Goes on in a process that is number 1 of a new pid namespace, and ends with it: at once, for what
// LeakSanitizer does at an exit needs children in this process's own namespace.
int AsProcessOne(int (*body)(const std::vector<std::string>&),
                 const std::vector<std::string>& args) {
  if (unshare(CLONE_NEWPID) != 0) return kMayNot;
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(getpid() == 1 ? body(args) : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// args: store, the name of Inside, how often to take the lock; "stay" to keep it the last time.
int TakeTheLock(const std::vector<std::string>& args) {
  const auto attachment = attach::Attachment::Open(args[0], {});
  const auto notes = test::SharedView<Inside>::Open(args[1]);
  if (!attachment.ok() || !notes.ok()) return 2;
  lock::WriterLock& lock = *(*attachment)->current().lock();
  Inside& inside = **notes;
  test::ReportReady();
  const int times = std::atoi(args[2].c_str());
  for (int i = 0; i < times; ++i) {
    if (!lock.Acquire(absl::Seconds(30)).ok()) return 4;
    if (inside.owners.fetch_add(1) != 0) ++inside.overlaps;
    ++inside.entered;
    for (int spin = 0; spin < 50; ++spin) {
      if (inside.owners.load() != 1) ++inside.overlaps;
    }
    --inside.owners;
    if (args[3] == "stay" && i + 1 == times) {
      std::printf("holding\n");
      std::fflush(stdout);
      for (;;) pause();
    }
    lock.Release();
  }
  return 0;
}
CUBBY_CHILD(Contained) { return AsProcessOne(TakeTheLock, args); }

class ContainersTest : public test::DaemonFixture {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to make namespaces";
    ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  }
  std::unique_ptr<test::Subprocess> Start(const std::string& times, const std::string& end) const {
    return StartUser("Contained", {inside_.name(), times, end});
  }

  const test::Shared<Inside> inside_{"notes"};
};

TEST_F(ContainersTest, TwoProcessesNumberOneNeverOwnTheLockAtOnce) {
  const uint64_t times = test::Amount(100'000, 2'000'000);
  std::vector<std::unique_ptr<test::Subprocess>> containers;
  containers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    containers.push_back(Start(absl::StrCat(times), "leave"));
    ASSERT_NE(containers.back(), nullptr);
  }
  for (auto& container : containers) {
    const test::ExitResult result = container->Wait(absl::Minutes(5));
    if (result.exit_code == kMayNot) GTEST_SKIP() << "may not make namespaces here";
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_EQ(inside_->overlaps.load(), 0);
  EXPECT_EQ(inside_->entered.load(), 2 * times);
  test::Report("containers", {{"owners in turn", absl::StrCat(inside_->entered.load())},
                              {"at once", absl::StrCat(inside_->overlaps.load())}});
}

TEST_F(ContainersTest, AKilledContainersLockIsTakenOverByAnotherProcessNumberOne) {
  auto dead = Start("1", "stay");
  ASSERT_NE(dead, nullptr);
  const absl::Status holding = dead->WaitForOutput("holding", absl::Seconds(60));
  if (!holding.ok() && !dead->Running()) GTEST_SKIP() << "may not make namespaces here";
  ASSERT_TRUE(holding.ok()) << holding;
  dead->Kill();  // and, by the parent's death, number one in it
  dead->Wait(absl::Seconds(60));
  auto successor = Start("1000", "leave");
  ASSERT_NE(successor, nullptr);
  EXPECT_EQ(successor->Wait(absl::Seconds(60)).exit_code, 0);
  EXPECT_EQ(inside_->overlaps.load(), 0);
  EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
}

// In a pid namespace of its own, where the next process can be told which id to get.
int ReuseAPid(const std::vector<std::string>& args) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("proc", "/proc", "proc", 0, nullptr) != 0) {
    return kMayNot;
  }
  int held[2];
  if (pipe2(held, O_CLOEXEC) != 0) return 2;
  const pid_t owner = fork();
  if (owner == 0) {
    const auto attachment = attach::Attachment::Open(args[0], {});
    if (!attachment.ok() || !(*attachment)->current().lock()->Acquire(absl::Seconds(30)).ok()) {
      _exit(2);
    }
    if (write(held[1], "h", 1) != 1) _exit(2);
    for (;;) pause();
  }
  char byte;
  if (read(held[0], &byte, 1) != 1) return 2;
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  // Another process that runs, with the killed owner's id, and the store open as well.
  const int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  const std::string before = absl::StrCat(owner - 1);
  if (last < 0 || write(last, before.data(), before.size()) < 0) return kMayNot;
  const pid_t double_of = fork();
  if (double_of == 0) {
    const auto attachment = attach::Attachment::Open(args[0], {});
    if (!attachment.ok() || write(held[1], "h", 1) != 1) _exit(2);
    for (;;) pause();
  }
  absl::Cleanup end_double = [double_of] {
    kill(double_of, SIGKILL);
    waitpid(double_of, nullptr, 0);
  };
  if (double_of != owner) return kMayNot;
  if (read(held[0], &byte, 1) != 1) return 2;
  const auto successor = attach::Attachment::Open(args[0], {});
  if (!successor.ok()) return 2;
  return (*successor)->current().lock()->Acquire(absl::Seconds(30)).ok() ? 0 : 5;
}
CUBBY_CHILD(PidReuser) { return AsProcessOne(ReuseAPid, args); }

TEST_F(ContainersTest, AnIdUsedAgainIsNotTakenForTheDeadOwner) {
  const std::unique_ptr<test::Subprocess> child = StartUser("PidReuser");
  ASSERT_NE(child, nullptr);
  const test::ExitResult result = child->Wait(absl::Seconds(60));
  if (result.exit_code == kMayNot) GTEST_SKIP() << "may not choose process ids here";
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace cubby
