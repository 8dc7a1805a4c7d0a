// A daemon that is told to end before it serves.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "tests/server/server_fixture.h"
#include "tests/support/argv_posix.h"
#include "tests/support/child.h"

namespace cubby {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Becomes the program of its arguments, with a SIGTERM waiting for it since before its start.
CUBBY_CHILD(RunsWithStopRequest) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  kill(getpid(), SIGTERM);
  const std::vector<char*> argv = test::ArgvOf(args);
  execv(argv[0], argv.data());
  return 1;
}

class StoppedStartTest : public test::ServerFixture {
 protected:
  test::ExitResult RunStopped(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {test::ProgramPath("cubbyd"), "--store", store()});
    auto daemon = test::StartChild("RunsWithStopRequest", flags);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    return daemon.ok() ? (*daemon)->Wait(test::kLong) : test::ExitResult();
  }
  void ExpectNothingLeft() const {
    EXPECT_FALSE(fs::exists(absl::StrCat("/dev/shm/cubby.", store())));
    EXPECT_FALSE(fs::exists(absl::StrCat("/dev/shm/cubby.", store(), ".lock")));
    EXPECT_FALSE(fs::exists(fs::path(std::getenv("CUBBY_RUNTIME_DIR")) /
                            absl::StrCat(store(), ".requests")));
  }
  void LeaveStore() {
    ASSERT_NO_FATAL_FAILURE(StartWithEntry());
    opened_.reset();
    KillDaemon();
  }
};

TEST_F(StoppedStartTest, MakesNoStore) {
  for (const std::string pages : {"auto", "off"}) {
    const test::ExitResult result = RunStopped({"--huge-pages", pages, "--capacity", "1000000"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("stopped, before it served"), Not(HasSubstr("serving"))))
        << pages;
    ExpectNothingLeft();
  }
}

TEST_F(StoppedStartTest, WhileItMakesALargeStoreLeavesNothing) {
  constexpr uint64_t kBytes = uint64_t{1} << 30;
  if (!os::Mapping::CheckRoom(kBytes, /*freed=*/0).ok()) GTEST_SKIP() << "too little memory";
  auto daemon =
      test::Subprocess::Start({test::ProgramPath("cubbyd"), "--store", store(), "--capacity",
                               "1000", "--extent-pool", absl::StrCat(kBytes - kBytes / 8)});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE((*daemon)->WaitForError("making it", test::kLong).ok());
  (*daemon)->Interrupt();
  const test::ExitResult result = (*daemon)->Wait(test::kLong);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("stopped"));
  ExpectNothingLeft();
}

TEST_F(StoppedStartTest, LeavesNothingOfAStoreThatItDiscards) {
  ASSERT_NO_FATAL_FAILURE(LeaveStore());
  const test::ExitResult result = RunStopped({"--fresh"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("stopped, before it served"));
  ExpectNothingLeft();
}

TEST_F(StoppedStartTest, RemovesAStoreThatItFindsUnlessItIsToBeKept) {
  ASSERT_NO_FATAL_FAILURE(LeaveStore());
  EXPECT_EQ(RunStopped({"--keep-on-exit"}).exit_code, 0);
  EXPECT_TRUE(OpenStore()->Contains("k").value());
  EXPECT_EQ(RunStopped({}).exit_code, 0);
  ExpectNothingLeft();
}

TEST_F(StoppedStartTest, TakesNothingOver) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  const test::ExitResult result = RunStopped({"--replace"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("stopped, before it served"));
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
}

}  // namespace
}  // namespace cubby
