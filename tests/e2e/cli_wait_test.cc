// --wait: commands that begin before there is a store, or a daemon.
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(60);

using CliWaitTest = DaemonFixture;

TEST_F(CliWaitTest, EveryCommandWaitsForTheStore) {
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
  } cases[] = {
      {{"ping", "--wait", "60s"}, 0},          {{"--wait", "60s", "info"}, 0},
      {{"stats", "--wait", "1m"}, 0},          {{"check", "--wait", "60"}, 0},
      {{"put", "k", "v", "--wait", "60s"}, 0}, {{"exists", "l", "--wait", "60s"}, 1},
      {{"count", "--wait", "60s"}, 0},         {{"scan", "--wait", "60s"}, 0},
  };
  std::vector<std::unique_ptr<Subprocess>> commands;
  for (const auto& test : cases) {
    commands.push_back(StartCubby(test.arguments));
    ASSERT_TRUE(commands.back());
  }
  ASSERT_TRUE(StartDaemon());
  for (size_t i = 0; i < commands.size(); ++i) {
    const ExitResult result = commands[i]->Wait(kLong);
    EXPECT_EQ(result.exit_code, cases[i].exit_code) << cases[i].arguments[0] << result.err;
  }
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliWaitTest, PingWaitsForTheNextDaemon) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  const std::unique_ptr<Subprocess> ping = StartCubby({"ping", "--wait", "60s"});
  ASSERT_TRUE(ping);
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  const ExitResult result = ping->Wait(kLong);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(CliWaitTest, EndsWithTheErrorThatThereIsWithout) {
  for (const char* subcommand : {"ping", "count"}) {
    const ExitResult result = Cubby({subcommand, "--wait", "10ms"});
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("no store '" + store() + "'"));
  }
  EXPECT_EQ(Cubby({"ping", "--wait", "soon"}).exit_code, 2);
  EXPECT_EQ(Cubby({"ping", "--wait", "0"}).exit_code, 3);
}

}  // namespace
}  // namespace cubby::test
