// ls clean doctor, as a user runs them on every system.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliStoresTest : public DaemonFixture {
 protected:
  // What a command prints with --json; a null and a failure if that is none.
  nlohmann::json JsonOf(std::vector<std::string> command) {
    command.emplace_back("--json");
    const ExitResult result = Cubby(command);
    EXPECT_LE(result.exit_code, 1) << result.err;
    const auto json = ParseJson(result.out);
    EXPECT_TRUE(json.ok()) << json.status() << result.out;
    return json.ok() ? *json : nlohmann::json();
  }
  // The store's row among all stores. Others come and go meanwhile.
  nlohmann::json Row() {
    for (const nlohmann::json& row : JsonOf({"ls"})) {
      if (row.at("name") == store()) return row;
    }
    ADD_FAILURE() << "not listed";
    return {};
  }
};

TEST_F(CliStoresTest, ListTellsAStoreAndItsDaemon) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--mode", "0606"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const nlohmann::json row = Row();
  const nlohmann::json info = JsonOf({"info"});
  EXPECT_EQ(row.at("mode"), "0606");
  EXPECT_EQ(row.at("entries"), 1);
  EXPECT_EQ(row.at("bytes"), info.at("total_bytes"));
  EXPECT_EQ(row.at("daemon"), "runs");
  EXPECT_EQ(row.at("daemon_pid"), info.at("pid"));
  EXPECT_THAT(row.at("layout").get<std::string>(), StartsWith("5."));
  EXPECT_EQ(row.at("state"), "served");
  EXPECT_NE(row.at("owner").get<std::string>(), "");
  EXPECT_TRUE(row.at("why").is_null());
}

TEST_F(CliStoresTest, ListIsSorted) {
  ASSERT_TRUE(StartDaemon());
  std::vector<std::string> names;
  for (const nlohmann::json& row : JsonOf({"ls"})) names.push_back(row.at("name"));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(CliStoresTest, ListOfOneStoreNamesTheColumns) {
  ASSERT_TRUE(StartDaemon());
  const ExitResult list = Cubby({"ls", "-s", store()});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_THAT(list.out, StartsWith("NAME "));
  EXPECT_EQ(std::count(list.out.begin(), list.out.end(), '\n'), 2);
  EXPECT_THAT(list.out, HasSubstr("\n" + store() + "  "));
}

TEST_F(CliStoresTest, ListOfAMissingStoreSaysSo) {
  const ExitResult list = Cubby({"ls", "-s", store()});
  EXPECT_EQ(list.exit_code, 3);
  EXPECT_THAT(list.err, HasSubstr("no store '" + store() + "'"));
}

TEST_F(CliStoresTest, CleanLeavesAServedStoreAlone) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const ExitResult clean = Cubby({"clean", "-s", store(), "--kept", "--yes"});
  EXPECT_EQ(clean.exit_code, 0) << clean.err;
  EXPECT_EQ(clean.out, "nothing is left over\n");
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliStoresTest, DoctorPrintsAFindingForEachCheck) {
  ASSERT_TRUE(StartDaemon());
  const nlohmann::json findings = JsonOf({"doctor"});
  std::vector<std::string> checks;
  for (const nlohmann::json& finding : findings) {
    checks.push_back(finding.at("check"));
    const std::string level = finding.at("level");
    EXPECT_TRUE(level == "ok" || level == "note" || level == "bad") << level;
    EXPECT_FALSE(finding.at("seen").get<std::string>().empty());
    EXPECT_EQ(finding.at("remedy").get<std::string>().empty(), level == "ok") << finding;
    if (finding.at("check") == "store") {
      EXPECT_EQ(finding.at("seen"), "store '" + store() + "' can be read and written");
    }
  }
  EXPECT_THAT(checks, ::testing::IsSupersetOf(
                          {"store", "stores", "leftovers", "versions", "runtime directory"}));
}

TEST_F(CliStoresTest, DoctorFindsAMissingStoreBad) {
  const ExitResult doctor = Cubby({"doctor", "-s", store()});
  EXPECT_EQ(doctor.exit_code, 1);
  EXPECT_THAT(doctor.out, HasSubstr("bad   store: no store '" + store() +
                                    "'\n      start one with cubbyd --store " + store() + "\n"));
  EXPECT_THAT(doctor.err, HasSubstr("do what is said there"));
}

}  // namespace
}  // namespace cubby::test
