// A hand-over (server/hand_over.h) in which one of the two daemons is killed after any single
// system call, by ptrace. Another daemon serves then or can be started, with all entries.
// tests/server/replace_test.cc has the steps that the two agree on, on every system.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "tests/server/server_fixture.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

namespace fs = std::filesystem;
using test::kLong;

constexpr int kSystemCall = SIGTRAP | 0x80;

// A process that stands still, but for the system calls that it is let do.
class Traced {
 public:
  explicit Traced(uint64_t pid) : pid_(static_cast<pid_t>(pid)) {
    EXPECT_EQ(ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD), 0);
    EXPECT_EQ(ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr), 0);
    AwaitStop();
  }

  // Lets it finish its next system call. Returns false once it has ended.
  bool Step() { return RunToStop() && RunToStop(); }

 private:
  // Lets it run to the beginning or end of a system call.
  bool RunToStop() {
    int signal = 0;
    for (;;) {
      if (ptrace(PTRACE_SYSCALL, pid_, nullptr, signal) != 0 || !AwaitStop()) return false;
      if (WSTOPSIG(status_) == kSystemCall) return true;
      signal = status_ >> 16 == 0 ? WSTOPSIG(status_) : 0;  // one that it was sent
    }
  }
  // Leaves the process's end to be waited for by its Subprocess.
  bool AwaitStop() {
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WSTOPPED | WNOWAIT) != 0) {
      return false;
    }
    if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
      return false;
    }
    return waitpid(pid_, &status_, __WALL) == pid_;
  }

  const pid_t pid_;
  int status_ = 0;
};

class KilledHandOverTest : public test::ServerFixture {
 protected:
  // Expects that the daemon of the fixture serves the store, with its entry.
  void ExpectServed(uint64_t step) {
    SCOPED_TRACE(step);
    const auto admin = Connect();
    ASSERT_TRUE(admin);
    const absl::StatusOr<DaemonInfo> info = admin->Info();
    ASSERT_TRUE(info.ok()) << info.status();
    ASSERT_EQ(info->pid, daemon()->pid());
    ExpectEntry();
  }
  // Starts a daemon that replaces the fixture's, which stands still, and waits until it is about to
  // ask it.
  std::unique_ptr<test::Subprocess> LaunchSuccessor() {
    std::unique_ptr<test::Subprocess> successor = LaunchDaemon({"--replace"});
    const std::string prefix = absl::StrCat(store(), ".reply.");
    const os::Deadline deadline(kLong);
    while (!deadline.Passed()) {
      for (const auto& file : fs::directory_iterator(std::getenv("CUBBY_RUNTIME_DIR"))) {
        if (absl::StartsWith(file.path().filename().string(), prefix)) return successor;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    ADD_FAILURE() << "the successor does not ask";
    return successor;
  }
};

TEST_F(KilledHandOverTest, OldDaemonKilledAfterAnySystemCall) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  uint64_t calls = 0;
  for (bool ended = false; !ended; ++calls) {
    Traced traced(daemon()->pid());
    std::unique_ptr<test::Subprocess> successor = LaunchSuccessor();
    ASSERT_NE(successor, nullptr);
    for (uint64_t call = 0; call < calls && !ended; ++call) ended = !traced.Step();
    daemon()->Kill();
    ASSERT_TRUE(AwaitDaemon(std::move(successor))) << calls;
    ASSERT_NO_FATAL_FAILURE(ExpectServed(calls));
  }
  test::Report("old daemon killed while replaced", {{"system calls", absl::StrCat(calls)}});
}

TEST_F(KilledHandOverTest, NewDaemonKilledAfterAnySystemCall) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  uint64_t calls = 0;
  for (bool handed_over = false; !handed_over; ++calls) {
    const auto old_pid = static_cast<pid_t>(daemon()->pid());
    ASSERT_EQ(kill(old_pid, SIGSTOP), 0);
    std::unique_ptr<test::Subprocess> successor = LaunchSuccessor();
    ASSERT_NE(successor, nullptr);
    Traced traced(successor->pid());
    ASSERT_EQ(kill(old_pid, SIGCONT), 0);
    for (uint64_t call = 0; call < calls && !handed_over; ++call) {
      ASSERT_TRUE(traced.Step()) << calls;
      handed_over = !daemon()->Running();
    }
    successor->Kill();
    successor->Wait(kLong);
    // If the old daemon has seen its successor serve, it ends.
    const os::Deadline deadline(kLong);
    while (daemon()->Running() && Cubby({"ping"}).exit_code != 0) {
      ASSERT_FALSE(deadline.Passed()) << calls;
    }
    if (!daemon()->Running()) {
      ASSERT_TRUE(StartDaemon()) << calls;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectServed(calls));
  }
  test::Report("new daemon killed while it replaced", {{"system calls", absl::StrCat(calls)}});
}

}  // namespace
}  // namespace cubby
