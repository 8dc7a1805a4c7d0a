// The programs with standard streams that are full, closed, or pipes without a reader. A shell
// arranges that, so this is for systems that have one.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::StartsWith;

class CliStreamsTest : public DaemonFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(StartDaemon({"--capacity", "20000"}));
    ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  }

  // Runs a line of shell, where $CUBBY is the command and $CUBBYD the daemon.
  ExitResult Shell(const std::string& line) const {
    SubprocessOptions options;
    options.environment = {{"CUBBY_STORE", store()},
                           {"CUBBY", ProgramPath("cubby")},
                           {"CUBBYD", ProgramPath("cubbyd")}};
    return test::Run({"/bin/sh", "-c", line}, options);
  }
};

TEST_F(CliStreamsTest, FullOutputIsAnError) {
  const ExitResult get = Shell("$CUBBY get k > /dev/full");
  EXPECT_EQ(get.exit_code, 10);
  EXPECT_THAT(get.err, StartsWith("cubby: cannot write to standard output: "));
}

TEST_F(CliStreamsTest, FullOutputIsSaidOnceByAGetOfMany) {
  const ExitResult get = Shell("$CUBBY get k k > /dev/full");
  EXPECT_EQ(get.exit_code, 10);
  EXPECT_EQ(get.err, "cubby: cannot write to standard output: No space left on device\n");
}

TEST_F(CliStreamsTest, FullOutputIsAnErrorForHelpAndVersionOfBothPrograms) {
  for (const std::string program : {"cubby", "cubbyd"}) {
    for (const std::string option : {"--help", "--version"}) {
      const ExitResult result =
          Shell(absl::StrCat(program == "cubby" ? "$CUBBY " : "$CUBBYD ", option, " > /dev/full"));
      EXPECT_EQ(result.exit_code, 10) << program << option;
      EXPECT_THAT(result.err, StartsWith(program + ": cannot write to standard output: "));
    }
  }
}

TEST_F(CliStreamsTest, EveryScanPrintsTheSameExpiryAndLoadKeepsIt) {
  ASSERT_EQ(Cubby({"put", "k", "v", "--ttl", "1234.5678"}).exit_code, 0);
  const std::string scanned = Cubby({"scan"}).out;
  for (int trip = 0; trip < 30; ++trip) {
    ASSERT_EQ(Cubby({"scan"}).out, scanned);
    ASSERT_EQ(Shell("$CUBBY scan | $CUBBY load --escaped").exit_code, 0);
    ASSERT_EQ(Shell("$CUBBY dump | $CUBBY load").exit_code, 0);
  }
  EXPECT_EQ(Cubby({"scan"}).out, scanned);
}

TEST_F(CliStreamsTest, AWatchEndsWithItsOutputsReader) {
  const ExitResult watch = Shell("{ $CUBBY watch; echo $? >&2; } | true");
  EXPECT_EQ(watch.err, "0\n") << "though nothing changes";
}

TEST_F(CliStreamsTest, ClosedOutputIsAnError) {
  const ExitResult get = Shell("$CUBBY get k >&-");
  EXPECT_EQ(get.exit_code, 10);
  EXPECT_THAT(get.err, StartsWith("cubby: cannot write to standard output: "));
}

// As timeout(1) sends them: to the process, and to its group.
TEST_F(CliStreamsTest, SecondSignalDoesNotTakeTheLastWords) {
  SubprocessOptions options;
  options.hold_input = true;
  options.input = "a\t1\nb\t2\n";
  options.environment = {{"CUBBY_STORE", store()}};
  auto load = Subprocess::Start({ProgramPath("cubby"), "load"}, options);
  ASSERT_TRUE(load.ok()) << load.status();
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "b"}).exit_code != 0) ASSERT_LT(absl::Now(), deadline);
  // Both are there when it goes on: the thread's comes first, and then the process's, whatever the
  // handler of the first has done by then.
  const auto pid = static_cast<pid_t>((*load)->pid());
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  ASSERT_EQ(waitpid(pid, nullptr, WUNTRACED), pid);
  ASSERT_EQ(kill(pid, SIGTERM), 0);
  ASSERT_EQ(syscall(SYS_tgkill, pid, pid, SIGTERM), 0);
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  const ExitResult result = (*load)->Wait(absl::Seconds(60));
  EXPECT_EQ(result.exit_code, 128 + SIGTERM);
  EXPECT_THAT(result.err, StartsWith("cubby: interrupted after line "));
}

TEST_F(CliStreamsTest, ClosedInputIsAnErrorAndNotAnEmptyValue) {
  const ExitResult put = Shell("$CUBBY put k - <&-");
  EXPECT_EQ(put.exit_code, 10);
  EXPECT_THAT(put.err, StartsWith("cubby: cannot read standard input: "));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliStreamsTest, ReaderWhoLeavesEarlyEndsAScanQuietly) {
  std::string lines;
  for (int i = 0; i < 20'000 - 1; ++i) absl::StrAppend(&lines, "key", i, "\tvalue of it\n");
  ASSERT_EQ(Cubby({"load"}, lines).exit_code, 0);
  const ExitResult scan = Shell("{ $CUBBY scan; echo exit code $? >&2; } | head -n 1 > /dev/null");
  EXPECT_EQ(scan.err, "exit code 10\n");
}

TEST_F(CliStreamsTest, ReaderWhoLeavesEarlyEndsAGetQuietly) {
  ASSERT_EQ(Cubby({"put", "big", "-"}, std::string(1 << 20, 'v')).exit_code, 0);
  for (const std::string command : {"get k", "get k --json", "get big", "get big --json", "scan",
                                    "scan -0", "count", "stats", "--help", "--version"}) {
    // The subshell ends when the reader has gone.
    const ExitResult gone =
        Shell(absl::StrCat("{ (trap '' PIPE; while echo 2> /dev/null; do :; done); $CUBBY ",
                           command, "; echo exit code $? >&2; } | true"));
    EXPECT_EQ(gone.err, "exit code 10\n") << command;
  }
  const ExitResult get =
      Shell("{ $CUBBY get big; echo exit code $? >&2; } | head -c 1 > /dev/null");
  EXPECT_EQ(get.err, "exit code 10\n");
}

TEST_F(CliStreamsTest, MessagesForClosedErrorOutputDoNotReachTheStore) {
  const std::string key(1000, 'k');
  for (const char* command : {"get", "del"}) {
    EXPECT_NE(Shell(absl::StrCat("$CUBBY ", command, " ", key, " <&- >&- 2>&-")).exit_code, 0);
  }
  const ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

}  // namespace
}  // namespace cubby::test
