// get --or-run on Linux: signals of the command, and permissions.
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// Nobody may have waited for a process that has ended, so its id proves nothing.
bool Runs(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string stat(std::istreambuf_iterator<char>(file), {});
  const size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.compare(name_end, 3, ") Z") != 0 &&
         stat.compare(name_end, 3, ") X") != 0;
}

class CliComputePosixTest : public DaemonFixture {};

TEST_F(CliComputePosixTest, TheCommandIsEndedByAPipeThatNobodyReads) {
  ASSERT_TRUE(StartDaemon());
  const ExitResult get = Cubby({"get", "k", "--or-run", "while :; do echo line; done | head -n 1"});
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_EQ(get.out, "line\n");
  EXPECT_EQ(get.err, "");
}

TEST_F(CliComputePosixTest, ACommandMayBeginWithADash) {
  ASSERT_TRUE(StartDaemon());
  const ExitResult get = Cubby({"get", "k", "--or-run=-x"});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_THAT(get.err, ::testing::HasSubstr("exited with 127"));
}

TEST_F(CliComputePosixTest, ASignalThatEndsTheGetEndsItsCommand) {
  ASSERT_TRUE(StartDaemon());
  SubprocessOptions options;
  options.environment = {{"CUBBY_STORE", store()}};
  auto get = Subprocess::Start({ProgramPath("cubby"), "get", "k", "--or-run",
                                "echo pid $$. >&2; while :; do sleep 0.01; done"},
                               options);
  ASSERT_TRUE(get.ok()) << get.status();
  ASSERT_EQ((*get)->WaitForError(".\n", kPatience), absl::OkStatus());
  (*get)->Interrupt();
  const ExitResult ended = (*get)->Wait(kPatience);
  EXPECT_EQ(ended.exit_code, 128 + SIGTERM);
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ended.err.substr(4, ended.err.find('.') - 4), &pid)) << ended.err;
  while (Runs(pid)) usleep(1000);  // for the test's timeout, if it lives on
}

}  // namespace
}  // namespace cubby::test
