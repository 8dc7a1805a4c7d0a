// What a user is told when something other than a sound store of theirs has the name, and when
// memory is short.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/argv_posix.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"

namespace cubby {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BadMappingTest : public test::DaemonFixture {
 protected:
  std::string Path() const { return absl::StrCat("/dev/shm/cubby.", store()); }

  void Overwrite(off_t at, const std::string& bytes) const {
    const int fd = open(Path().c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(pwrite(fd, bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
    close(fd);
  }

  // One line that names the program and the store and says what was wrong.
  void ExpectRefused(const test::ExitResult& result, int exit_code, const std::string& what) const {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("cubby"), HasSubstr(what), EndsWith("\n")));
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  }
};

TEST_F(BadMappingTest, MissingStoreAndMissingKeyAreToldApart) {
  ExpectRefused(Cubby({"get", "k"}), 3, absl::StrCat("cubbyd --store ", store()));
  ASSERT_TRUE(StartDaemon());
  ExpectRefused(Cubby({"get", "k"}), 1, "no such key 'k'");
}

TEST_F(BadMappingTest, AnotherLayoutVersionIsNamed) {
  ASSERT_TRUE(StartDaemon());
  Overwrite(8, std::string("\x09\x00\x03\x00", 4));
  ExpectRefused(Cubby({"get", "k"}), 6, "layout version 9.3");
  ExpectRefused(Cubby({"put", "k", "v"}), 6, "layout version 9.3");
}

TEST_F(BadMappingTest, SmallStoreOfAnotherLayoutIsNamed) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();  // it would not survive this
  Overwrite(8, std::string("\x04\x00", 2));
  ASSERT_EQ(truncate(Path().c_str(), 4096), 0);
  ExpectRefused(Cubby({"get", "k"}), 6, "layout version 4.");
  ExpectRefused(Cubby({"put", "k", "v"}), 6, "restart cubbyd with --fresh");
}

TEST_F(BadMappingTest, TruncatedMappingIsRefused) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();  // it would not survive this
  ASSERT_EQ(truncate(Path().c_str(), 100'000), 0);
  ExpectRefused(Cubby({"get", "k"}), 8, "truncated");
  ASSERT_EQ(truncate(Path().c_str(), 100), 0);
  ExpectRefused(Cubby({"get", "k"}), 8, "truncated");
  ASSERT_EQ(truncate(Path().c_str(), 0), 0);
  ExpectRefused(Cubby({"get", "k"}), 8, "truncated");
}

TEST_F(BadMappingTest, DamagedHeaderIsRefused) {
  ASSERT_TRUE(StartDaemon());
  Overwrite(24, "\x07");
  ExpectRefused(Cubby({"get", "k"}), 8, "header is damaged");
}

TEST_F(BadMappingTest, HalfMadeStoreIsNamed) {
  std::ofstream(Path()).close();
  ASSERT_EQ(truncate(Path().c_str(), 1 << 20), 0);
  ExpectRefused(Cubby({"get", "k", "--timeout", "10ms"}), 7, "half made");
}

TEST_F(BadMappingTest, HalfMadeStoreIsWaitedFor) {
  std::ofstream(Path()).close();
  ASSERT_EQ(truncate(Path().c_str(), 1 << 20), 0);
  const std::unique_ptr<test::Subprocess> commands[] = {
      StartCubby({"exists", "k", "--wait", "60s"}), StartCubby({"put", "l", "v", "--wait", "60s"})};
  ASSERT_TRUE(StartDaemon());
  for (const auto& command : commands) {
    ASSERT_TRUE(command);
    const test::ExitResult result = command->Wait(absl::Seconds(60));
    EXPECT_EQ(result.exit_code, command == commands[1] ? 0 : 1) << result.err;
  }
}

// At every moment there is no store, or one that will be complete.
TEST_F(BadMappingTest, StoreThatIsBeingMadeLooksNeverDamaged) {
  auto daemon = test::Subprocess::Start(
      {test::ProgramPath("cubbyd"), "--store", store(), "--capacity", "300000"});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  test::ExitResult exists;
  do {
    exists = Cubby({"exists", "k", "--timeout", "60s"});
    ASSERT_TRUE(exists.exit_code == 1 || exists.exit_code == 3) << exists.err;
  } while (exists.exit_code == 3);
  (*daemon)->Interrupt();
  EXPECT_EQ((*daemon)->Wait(absl::Seconds(60)).exit_code, 0);
}

TEST_F(BadMappingTest, StoreWithoutItsLockFileCanOnlyBeRead) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  ASSERT_EQ(unlink(absl::StrCat(Path(), ".lock").c_str()), 0);
  ExpectRefused(Cubby({"put", "k", "w"}), 3, "lost its lock file");
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(BadMappingTest, AnotherUsersMappingIsNotBelieved) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give a file to another user";
  ASSERT_TRUE(StartDaemon());
  ASSERT_TRUE(Cubby({"put", "k", "v"}).exit_code == 0);
  ASSERT_EQ(chown(Path().c_str(), 4242, 4242), 0);
  ExpectRefused(Cubby({"get", "k"}), 5, "belongs to user 4242");
  EXPECT_EQ(Cubby({"--owner", "4242", "get", "k"}).out, "v");
  EXPECT_EQ(Cubby({"--owner", "any", "get", "k"}).out, "v");
  ExpectRefused(Cubby({"--owner", "4243", "get", "k"}), 5, "belongs to user 4242");
  ExpectRefused(Cubby({"--owner", "4242", "put", "k", "w"}), 3, "lock file");
  ASSERT_EQ(chown(Path().c_str(), 0, 0), 0);
}

// args: the user to become, then a command line.
CUBBY_CHILD(AsUser) {
  // Opened before: that user may not be able to reach the folder the program lies in.
  const int program = open(args[1].c_str(), O_RDONLY | O_CLOEXEC);
  const auto uid = static_cast<uid_t>(std::stoul(args[0]));
  if (program < 0 || setgid(uid) != 0 || setuid(uid) != 0) return 99;
  const std::vector<char*> argv = test::ArgvOf(args, /*first=*/1);
  fexecve(program, argv.data(), environ);
  return 98;
}

TEST_F(BadMappingTest, WhoMayNotReadIsToldSo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  ASSERT_TRUE(StartDaemon());
  auto child = test::StartChild(
      "AsUser", {"4242", test::ProgramPath("cubby"), "--store", store(), "get", "k"});
  ASSERT_TRUE(child.ok()) << child.status();
  ExpectRefused((*child)->Wait(absl::Seconds(60)), 5,
                "cannot open the mapping " + Path() + " of uid 0: Permission denied");
}

TEST_F(BadMappingTest, WhoMayReadButNotWriteIsToldSo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  ASSERT_TRUE(StartDaemon({"--mode", "0644"}));
  auto child = test::StartChild(
      "AsUser", {"4242", test::ProgramPath("cubby"), "--store", store(), "put", "k", "v"});
  ASSERT_TRUE(child.ok()) << child.status();
  ExpectRefused((*child)->Wait(absl::Seconds(60)), 5,
                "cannot open the mapping " + Path() + " of uid 0 for writing: Permission denied");
}

// args: a command line, to be run where /dev/shm has 1 MiB.
CUBBY_CHILD(WithSmallSharedMemory) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m,mode=1777") != 0) {
    return 99;
  }
  const std::vector<char*> argv = test::ArgvOf(args);
  execv(argv[0], argv.data());
  return 98;
}

TEST_F(BadMappingTest, TooLittleSharedMemoryIsSaidBeforeItIsUsed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small /dev/shm";
  auto child =
      test::StartChild("WithSmallSharedMemory", {test::ProgramPath("cubbyd"), "--store", store()});
  ASSERT_TRUE(child.ok()) << child.status();
  const test::ExitResult result = (*child)->Wait(absl::Seconds(60));
  if (result.exit_code == 99) GTEST_SKIP() << "may not mount here";
  ExpectRefused(result, 4, "bytes of shared memory and /dev/shm has 1048576");
}

// args: what has the name /dev/shm (as in the test), then a command line.
CUBBY_CHILD(WithoutSharedMemory) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/dev", "tmpfs", 0, "") != 0 ||
      (args[0] == "dangling link" && symlink("/nonexistent", "/dev/shm") != 0)) {
    return 99;
  }
  const std::vector<char*> argv = test::ArgvOf(args, /*first=*/1);
  execv(argv[0], argv.data());
  return 98;
}

TEST_F(BadMappingTest, MissingPlaceForSharedMemoryIsNamed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to hide /dev/shm";
  for (const char* instead : {"nothing", "dangling link"}) {
    SCOPED_TRACE(instead);
    auto child = test::StartChild("WithoutSharedMemory",
                                  {instead, test::ProgramPath("cubbyd"), "--store", store()});
    ASSERT_TRUE(child.ok()) << child.status();
    const test::ExitResult result = (*child)->Wait(absl::Seconds(60));
    if (result.exit_code == 99) GTEST_SKIP() << "may not mount here";
    ExpectRefused(result, 10, "there is no directory /dev/shm");
  }
}

}  // namespace
}  // namespace cubby
