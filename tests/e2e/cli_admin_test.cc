// ping info stats flush check shutdown bench version, as a user runs them.
#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliAdminTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "1000"})); }

  // What a subcommand prints with --json; a null and a failure if that is none.
  nlohmann::json JsonOf(const std::string& subcommand) {
    const ExitResult result = Cubby({subcommand, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto json = ParseJson(result.out);
    EXPECT_TRUE(json.ok()) << json.status();
    return json.ok() ? *json : nlohmann::json();
  }
};

TEST_F(CliAdminTest, PingAnswers) {
  const ExitResult ping = Cubby({"ping"});
  EXPECT_EQ(ping.exit_code, 0) << ping.err;
  EXPECT_THAT(ping.out, StartsWith(store() + " answers, in "));
}

TEST_F(CliAdminTest, InfoTellsTheStoreAndItsDaemon) {
  const nlohmann::json info = JsonOf("info");
  EXPECT_EQ(info.at("store"), store());
  EXPECT_EQ(info.at("version"), base::kVersion);
  EXPECT_EQ(info.at("capacity"), 1000);
  EXPECT_EQ(info.at("max_value_bytes"), 1 << 20);
  EXPECT_EQ(info.at("full_policy"), "reject");
  EXPECT_EQ(info.at("bytes_per_entry"), std::ceil(info.at("total_bytes").get<double>() / 1000));
  EXPECT_LE(info.at("huge_page_bytes").get<double>(), info.at("total_bytes").get<double>());
  EXPECT_GT(info.at("pid").get<double>(), 0);
  EXPECT_GE(info.at("uptime_seconds").get<double>(), 0);
  EXPECT_THAT(Cubby({"info"}).out, HasSubstr("\ncapacity: 1000\n"));
}

TEST_F(CliAdminTest, StatsCountWhatWasDone) {
  ASSERT_EQ(Cubby({"load"}, "a\t1\nb\t2\nc\t3\n").exit_code, 0);
  ASSERT_EQ(Cubby({"del", "b"}).exit_code, 0);
  const nlohmann::json stats = JsonOf("stats");
  EXPECT_EQ(stats.at("entries"), 2);
  EXPECT_EQ(stats.at("puts"), 3);
  EXPECT_EQ(stats.at("deletes"), 1);
  EXPECT_THAT(Cubby({"stats"}).out, HasSubstr("entries: 2\n"));
}

TEST_F(CliAdminTest, StatsComeAsOpenMetrics) {
  ASSERT_EQ(Cubby({"load"}, "a\t1\nb\t2\nc\t3\n").exit_code, 0);
  const ExitResult stats = Cubby({"stats", "--openmetrics"});
  EXPECT_EQ(stats.exit_code, 0) << stats.err;
  const std::string label = "{store=\"" + store() + "\"} ";
  EXPECT_THAT(stats.out, HasSubstr("# TYPE cubby_puts counter\n"));
  EXPECT_THAT(stats.out, HasSubstr("\ncubby_puts_total" + label + "3\n"));
  EXPECT_THAT(stats.out, HasSubstr("\ncubby_entries" + label + "3\n"));
  EXPECT_THAT(stats.out, EndsWith("\n# EOF\n"));
}

TEST_F(CliAdminTest, StatsComeInOneFormatAtATime) {
  const ExitResult stats = Cubby({"stats", "--json", "--openmetrics"});
  EXPECT_EQ(stats.exit_code, 2);
  EXPECT_EQ(stats.err, "cubby: --json and --openmetrics exclude each other: give one of them\n");
}

TEST_F(CliAdminTest, FlushRemovesAllAndCountsThem) {
  ASSERT_EQ(Cubby({"load"}, "a\t1\nb\t2\n").exit_code, 0);
  EXPECT_EQ(Cubby({"flush"}).out, "removed 2 entries\n");
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliAdminTest, CheckFindsASoundStoreSound) {
  ASSERT_EQ(Cubby({"load"}, "a\t1\nb\t2\n").exit_code, 0);
  const nlohmann::json check = JsonOf("check");
  EXPECT_EQ(check.at("problems"), nlohmann::json::array());
  EXPECT_EQ(check.at("entries"), 2);
  EXPECT_THAT(Cubby({"check"}).out, StartsWith("more_problems: 0\nentries: 2\n"));
}

TEST_F(CliAdminTest, BenchPrintsFigures) {
  ASSERT_EQ(Cubby({"load"}, "a\t1\nb\t2\nc\t3\n").exit_code, 0);
  const ExitResult bench = Cubby({"bench", "--seconds", "20ms", "--threads", "2", "--json"});
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  const auto json = ParseJson(bench.out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->at("keys"), 3);
  EXPECT_EQ(json->at("threads"), 2);
  EXPECT_GT(json->at("timed_gets").get<double>(), 0);
  EXPECT_GT(json->at("ops_per_second").get<double>(), 0);
  EXPECT_LE(json->at("p50_ns").get<double>(), json->at("p99_ns").get<double>());
  EXPECT_LE(json->at("p99_ns").get<double>(), json->at("p999_ns").get<double>());
  EXPECT_LE(json->at("p999_ns").get<double>(), json->at("max_ns").get<double>());
  EXPECT_EQ(json->at("missing"), 0);
}

TEST_F(CliAdminTest, BenchReadsValuesThatGrowMeanwhile) {
  size_t bytes = 8;
  ASSERT_EQ(Cubby({"put", "k", std::string(bytes, 'v')}).exit_code, 0);
  const auto bench = StartCubby({"bench", "--seconds", "500ms"});
  ASSERT_NE(bench, nullptr);
  while (bench->Running()) {
    bytes = std::min(2 * bytes, size_t{1} << 20);
    ASSERT_EQ(Cubby({"put", "k", "-"}, std::string(bytes, 'v')).exit_code, 0);
  }
  const ExitResult result = bench->Wait(absl::Seconds(60));
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(CliAdminTest, BenchRefusesAnEmptyStore) {
  const ExitResult bench = Cubby({"bench", "--seconds", "20ms"});
  EXPECT_EQ(bench.exit_code, 1);
  EXPECT_EQ(bench.err,
            "cubby: store " + store() + " is empty: fill it with `cubby load` or `cubby put`\n");
}

TEST_F(CliAdminTest, ShutdownEndsTheDaemonAndTheStore) {
  const ExitResult shutdown = Cubby({"shutdown"});
  EXPECT_EQ(shutdown.exit_code, 0) << shutdown.err;
  EXPECT_EQ(daemon()->Wait(absl::Seconds(60)).exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).exit_code, 3);
  EXPECT_EQ(Cubby({"ping"}).exit_code, 3);
}

// On Linux the store outlives its daemon; on Windows it ends with the last process that has it
// open, so the message is another.
TEST_F(CliAdminTest, PingOfADeadDaemonSaysSo) {
  KillDaemon();
  const ExitResult ping = Cubby({"ping"});
  EXPECT_EQ(ping.exit_code, Cubby({"get", "k"}).exit_code == 3 ? 3 : 9) << ping.err;
  EXPECT_THAT(ping.err, StartsWith("cubby: "));
}

TEST_F(CliAdminTest, VersionNeedsNoStore) {
  EXPECT_EQ(Cubby({"version"}).out, absl::StrCat("cubby ", base::kVersion, "\n"));
  EXPECT_EQ(Cubby({"--version"}).out, absl::StrCat("cubby ", base::kVersion, "\n"));
  EXPECT_EQ(JsonOf("version").at("version"), base::kVersion);
}

}  // namespace
}  // namespace cubby::test
