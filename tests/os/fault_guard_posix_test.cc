#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "os/fault_guard.h"
#include "tests/support/child.h"

namespace cubby::os {
namespace {

constexpr size_t kPage = 4096;

// Shared memory of some pages, each of whose bytes is 'x'.
class Pages {
 public:
  explicit Pages(size_t pages) : bytes_(pages * kPage), fd_(memfd_create("pages", MFD_CLOEXEC)) {
    EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(bytes_)), 0);
    data_ = static_cast<char*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    for (size_t i = 0; i < bytes_; ++i) data_[i] = 'x';
  }
  ~Pages() {
    munmap(data_, bytes_);
    close(fd_);
  }
  void Truncate(size_t pages) { EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(pages * kPage)), 0); }
  // A look that no compiler leaves out.
  char At(size_t i) const { return *const_cast<volatile char*>(data_ + i); }
  char* data() { return data_; }
  int fd() const { return fd_; }
  size_t size() const { return bytes_; }

 private:
  const size_t bytes_;
  const int fd_;
  char* data_;
};

TEST(FaultGuardTest, MissingPagesAreZerosFromThenOnAndAreTold) {
  Pages pages(4);
  FaultGuard guard(pages.data(), pages.size());
  EXPECT_EQ(pages.At(3 * kPage), 'x');
  pages.Truncate(2);
  EXPECT_FALSE(guard.tripped());
  EXPECT_EQ(pages.At(2 * kPage + 7), 0);
  EXPECT_TRUE(guard.tripped());
  EXPECT_EQ(pages.At(3 * kPage), 0);
  EXPECT_EQ(pages.At(2 * kPage - 1), 'x');
  pages.data()[3 * kPage] = 'y';  // a writer that was in the middle of it
  EXPECT_EQ(pages.At(3 * kPage), 'y');
}

TEST(FaultGuardTest, AGuardTripsForItsOwnMemoryOnly) {
  Pages whole(1), cut(1);
  FaultGuard whole_guard(whole.data(), whole.size());
  FaultGuard cut_guard(cut.data(), cut.size());
  cut.Truncate(0);
  EXPECT_EQ(cut.At(0), 0);
  EXPECT_TRUE(cut_guard.tripped());
  EXPECT_FALSE(whole_guard.tripped());
}

TEST(FaultGuardTest, ManyThreadsMayMeetTheSameMissingPage) {
  for (int round = 0; round < 50; ++round) {
    Pages pages(2);
    FaultGuard guard(pages.data(), pages.size());
    pages.Truncate(0);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&pages] { EXPECT_EQ(pages.At(kPage / 2), 0); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(guard.tripped());
  }
}

// Each child below ends by a fault of memory that the guard does not cover.
int MeetForeignFault() {
  Pages guarded(1), foreign(1);
  FaultGuard guard(guarded.data(), guarded.size());
  foreign.Truncate(0);
  (void)foreign.At(0);
  return 99;
}

CUBBY_CHILD(ForeignFaultWithHandler) {
  struct sigaction action = {};
  action.sa_handler = [](int) { _exit(42); };
  sigaction(SIGBUS, &action, nullptr);
  return MeetForeignFault();
}
CUBBY_CHILD(ForeignFaultWithInformedHandler) {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    _exit(info->si_addr != nullptr ? 43 : 1);
  };
  sigaction(SIGBUS, &action, nullptr);
  return MeetForeignFault();
}
CUBBY_CHILD(ForeignFault) {
  signal(SIGBUS, SIG_DFL);  // sanitizers have one
  return MeetForeignFault();
}
CUBBY_CHILD(SentSignal) {
  signal(SIGBUS, SIG_DFL);
  Pages guarded(1);
  FaultGuard guard(guarded.data(), guarded.size());
  raise(SIGBUS);
  return 99;
}

TEST(FaultGuardTest, ForeignFaultsGoWhereTheyWentBefore) {
  const std::pair<const char*, int> cases[] = {{"ForeignFaultWithHandler", 42},
                                               {"ForeignFaultWithInformedHandler", 43},
                                               {"ForeignFault", 128 + SIGBUS},
                                               {"SentSignal", 128 + SIGBUS}};
  for (const auto& [name, exit_code] : cases) {
    auto child = test::StartChild(name, {});
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_EQ((*child)->Wait(absl::Seconds(60)).exit_code, exit_code) << name;
  }
}

// A fault of memory without a guard, while another thread destroys one guard and makes another:
// the handler must not take the beginning of the one and the end of the other, between which the
// fault lies.
struct Reuse {
  std::atomic<bool> wanted{false};
  std::atomic<bool> done{false};
};
constexpr int kFilledIn = 77;

[[noreturn]] void FaultBetweenGuards(Reuse* reuse) {
  Pages pages(3), foreign(1);
  // The missing page in the middle.
  if (mmap(pages.data() + kPage, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, foreign.fd(), 0) ==
      MAP_FAILED) {
    _exit(1);
  }
  foreign.Truncate(0);
  auto first = std::make_unique<FaultGuard>(pages.data(), kPage);
  std::unique_ptr<FaultGuard> second;
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);  // this thread alone
  std::thread([&] {
    while (!reuse->wanted) std::this_thread::yield();
    first.reset();
    second = std::make_unique<FaultGuard>(pages.data() + 2 * kPage, kPage);
    reuse->done = true;
  }).detach();
  (void)pages.At(kPage);
  _exit(kFilledIn);
}

TEST(FaultGuardTest, AGuardMayBeReplacedAtAnyInstructionOfTheHandler) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers handle the signal too, in many more instructions";
#endif
  auto* const reuse = static_cast<Reuse*>(
      mmap(nullptr, sizeof(Reuse), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int steps = 0;
  for (bool in_handler = true; in_handler; ++steps) {
    new (reuse) Reuse;
    const pid_t child = fork();
    if (child == 0) FaultBetweenGuards(reuse);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGBUS) << status;
    // To the handler, and so many instructions into it; or until the fault comes again.
    for (int step = 0; step <= steps && in_handler; ++step) {
      ptrace(PTRACE_SINGLESTEP, child, nullptr, step == 0 ? SIGBUS : 0);
      ASSERT_EQ(waitpid(child, &status, 0), child);
      in_handler = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
    }
    reuse->wanted = true;
    while (in_handler && !reuse->done) std::this_thread::yield();
    while (WIFSTOPPED(status)) {
      ptrace(PTRACE_CONT, child, nullptr, in_handler && WSTOPSIG(status) == SIGTRAP ? 0 : SIGBUS);
      ASSERT_EQ(waitpid(child, &status, 0), child);
    }
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == kFilledIn) << steps;
  }
  EXPECT_GT(steps, 50);
  munmap(reuse, sizeof(Reuse));
}

}  // namespace
}  // namespace cubby::os
