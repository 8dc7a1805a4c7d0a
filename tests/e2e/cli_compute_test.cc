// get --or-run, as a user runs it. Its commands are those that /bin/sh and cmd.exe have in common.
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(60);

class CliComputeTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64"})); }

  // A get whose command prints `word` and, on Windows, the carriage return of echo.
  ExitResult GetOrEcho(const std::string& key, const std::string& word,
                       std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"get", key, "--or-run", "echo " + word};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Cubby(arguments);
  }
};

TEST_F(CliComputeTest, RunsTheCommandIfTheKeyHasNoEntryAndPutsWhatItPrints) {
  const ExitResult first = GetOrEcho("k", "one");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, StartsWith("one"));
  EXPECT_THAT(first.out, EndsWith("\n"));
  EXPECT_EQ(first.err, "");
  EXPECT_EQ(GetOrEcho("k", "two").out, first.out) << "it has an entry now";
  EXPECT_EQ(Cubby({"get", "k"}).out, first.out);
  EXPECT_EQ(Cubby({"ttl", "k"}).out, "never\n");
}

TEST_F(CliComputeTest, JsonTellsWhereTheValueIsFrom) {
  const auto source = [this] {
    const ExitResult get = GetOrEcho("k", "one", {"--json", "--ttl", "1h"});
    EXPECT_EQ(get.exit_code, 0) << get.err;
    return get.out;
  };
  EXPECT_THAT(source(), HasSubstr("\"source\": \"computed\""));
  EXPECT_THAT(source(), HasSubstr("\"source\": \"found\""));
  EXPECT_NE(Cubby({"ttl", "k"}).out, "never\n");
}

TEST_F(CliComputeTest, AFailedCommandLeavesNoEntryAndIsNamed) {
  const ExitResult get = Cubby({"get", "k", "--or-run", "exit 3"});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_EQ(get.out, "");
  EXPECT_EQ(get.err, "cubby: no value for the key 'k': the command exited with 3\n");
  EXPECT_EQ(Cubby({"exists", "k"}).exit_code, 1);
  EXPECT_EQ(Cubby({"count"}).out, "0\n") << "nor a lease";
  EXPECT_EQ(GetOrEcho("k", "again").exit_code, 0);
}

TEST_F(CliComputeTest, ACommandThatPrintsTooMuchIsAnError) {
  const ExitResult get = GetOrEcho("k", std::string(65, 'v'));
  EXPECT_EQ(get.exit_code, 4);
  EXPECT_EQ(get.out, "");
  EXPECT_THAT(get.err, HasSubstr("the command printed more than 64 bytes"));
  EXPECT_THAT(get.err, EndsWith("--max-value\n"));
  EXPECT_EQ(Cubby({"count"}).out, "0\n") << "nor a lease";
}

TEST_F(CliComputeTest, AValueWithoutRoomIsPrintedAndTheReasonTold) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "full" + std::to_string(i) + "\tv\n";
  ASSERT_EQ(Cubby({"load"}, lines).exit_code, 0);
  const ExitResult get = GetOrEcho("k", "v");
  EXPECT_EQ(get.exit_code, 0);
  EXPECT_THAT(get.out, StartsWith("v"));
  EXPECT_THAT(get.err, StartsWith("cubby: the value is not stored: the store is full"));
}

TEST_F(CliComputeTest, OptionsWithoutMeaningAreRefused) {
  const auto usage = [this](const std::vector<std::string>& arguments) {
    const ExitResult result = Cubby(arguments);
    EXPECT_EQ(result.exit_code, 2);
    return result.err;
  };
  EXPECT_THAT(usage({"get", "k", "--ttl", "1s"}), HasSubstr("--or-run"));
  EXPECT_THAT(usage({"get", "k", "--stale", "1s"}), HasSubstr("--or-run"));
  EXPECT_THAT(usage({"get", "k", "--lease", "1s"}), HasSubstr("--or-run"));
  EXPECT_THAT(usage({"get", "k", "--or-run", ""}), HasSubstr("empty"));
  EXPECT_THAT(usage({"get", "a", "b", "--or-run", "echo"}), HasSubstr("one key"));
  EXPECT_THAT(usage({"get", "a", "--or-run", "echo", "--touch", "1s"}), HasSubstr("--touch"));
}

// Runs a command that prints "loaded 0 entries" once its input is closed, and waits until it runs.
class SlowRun {
 public:
  SlowRun(const std::string& store, const std::vector<std::string>& more) {
    // What reads its input to the end is different in each shell, so it is cubby itself.
    const std::string command = "echo ready>&2 && " + ProgramPath("cubby") + " load";
    SubprocessOptions options;
    options.hold_input = true;
    options.environment = {{"CUBBY_STORE", store}};
    std::vector<std::string> argv = {ProgramPath("cubby"), "get", "k", "--or-run", command};
    argv.insert(argv.end(), more.begin(), more.end());
    auto started = Subprocess::Start(argv, options);
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok()) return;
    process_ = *std::move(started);
    EXPECT_EQ(process_->WaitForError("ready", kPatience), absl::OkStatus());
  }

  ExitResult Finish() {
    process_->CloseInput();
    return process_->Wait(kPatience);
  }
  Subprocess& process() { return *process_; }

 private:
  std::unique_ptr<Subprocess> process_;
};

TEST_F(CliComputeTest, AStaleValueIsPrintedWhileAnotherProcessRunsItsCommand) {
  ASSERT_EQ(GetOrEcho("k", "old", {"--ttl", "1ms", "--stale", "1h"}).exit_code, 0);
  while (Cubby({"exists", "k"}).exit_code == 0) {
  }
  SlowRun slow(store(), {"--stale", "1h", "--lease", "1h"});
  const ExitResult stale = GetOrEcho("k", "other", {"--stale", "1h", "--lease", "1h", "--json"});
  EXPECT_EQ(stale.exit_code, 0) << stale.err;
  EXPECT_THAT(stale.out, HasSubstr("\"source\": \"stale\""));
  EXPECT_THAT(stale.out, HasSubstr("\"value\": \"old"));
  const ExitResult impatient = GetOrEcho("k", "other", {"--lease", "1h", "--timeout", "1ms"});
  EXPECT_EQ(impatient.exit_code, 7) << "without a stale value it waits: " << impatient.out;
  const ExitResult ended = slow.Finish();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(Cubby({"get", "k"}).out, StartsWith("loaded 0 entries"));
}

TEST_F(CliComputeTest, AWaiterRunsItsCommandAfterItsOwnLease) {
  SlowRun slow(store(), {"--lease", "1h"});
  const ExitResult other = GetOrEcho("k", "other", {"--lease", "1ms"});
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.out, StartsWith("other"));
  const ExitResult ended = slow.Finish();
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, StartsWith("loaded 0 entries"));
  EXPECT_THAT(ended.err, HasSubstr("the value is not stored: the lease is void"));
  EXPECT_THAT(Cubby({"get", "k"}).out, StartsWith("other"));
}

TEST_F(CliComputeTest, RemovingItsPrefixEndsARunAndAStaleValue) {
  SlowRun slow(store(), {"--lease", "1h"});
  EXPECT_EQ(Cubby({"del", "--prefix", "k"}).exit_code, 0);
  EXPECT_THAT(slow.Finish().err, HasSubstr("not stored"));
  EXPECT_EQ(Cubby({"exists", "k"}).exit_code, 1);
  ASSERT_EQ(GetOrEcho("k", "old", {"--ttl", "1ms", "--stale", "1h"}).exit_code, 0);
  while (Cubby({"exists", "k"}).exit_code == 0) {
  }
  EXPECT_EQ(Cubby({"del", "--prefix", "k"}).exit_code, 0);
  EXPECT_THAT(Cubby({"stats"}).out, HasSubstr("entries: 0\n"));
}

}  // namespace
}  // namespace cubby::test
