// cas incr decr append getset getdel touch ttl persist, and the conditions and lifetimes of put and
// get, as a user runs them.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

class CliUpdatesTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "100"})); }

  void ExpectOk(const std::vector<std::string>& arguments, const std::string& out) {
    const ExitResult result = Cubby(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, out) << arguments[0];
    EXPECT_EQ(result.err, "");
  }
  void ExpectError(const std::vector<std::string>& arguments, int exit_code,
                   const std::string& message) {
    const ExitResult result = Cubby(arguments);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, absl::StrCat("cubby: ", message, "\n"));
  }
  std::string Revision(const std::string& key) {
    const std::string out = Cubby({"get", key, "--revision"}).out;
    return out.substr(0, out.find('\n'));
  }
  // Seconds; negative if the key lives without end.
  double Ttl(const std::string& key) {
    const ExitResult ttl = Cubby({"ttl", key});
    EXPECT_EQ(ttl.exit_code, 0) << ttl.err;
    if (ttl.out == "never\n") return -1;
    double seconds = 0;
    EXPECT_TRUE(absl::SimpleAtod(ttl.out, &seconds)) << ttl.out;
    return seconds;
  }
  void ExpectAboutAnHour(const std::string& key) {
    const double seconds = Ttl(key);
    EXPECT_GT(seconds, 3000);
    // The clock of Windows stands for 16 ms at a time, which are given on top.
    EXPECT_LE(seconds, 3600.032);
  }
};

TEST_F(CliUpdatesTest, GetPrintsTheRevisionBeforeTheValue) {
  ExpectOk({"put", "k", "v\n"}, "");
  const auto json = ParseJson(Cubby({"get", "k", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  ExpectOk({"get", "k", "--revision"}, absl::StrCat(json->at("revision").get<uint64_t>(), "\nv\n"));
}

TEST_F(CliUpdatesTest, CasSetsOnceForARevision) {
  ExpectOk({"put", "k", "old"}, "");
  const std::string revision = Revision("k");
  ExpectOk({"cas", "k", "new", "--revision", revision}, "");
  const std::string other = Revision("k");
  ExpectError(
      {"cas", "k", "newer", "--revision", revision}, 1,
      absl::StrCat("the entry has revision ", other, ", not ", revision, ": get it and try again"));
  ExpectError({"cas", "n", "v", "--revision", revision}, 1, "no such key 'n'");
  EXPECT_EQ(Cubby({"cas", "k", "-", "--revision", other}, "piped").exit_code, 0);
  ExpectOk({"get", "k"}, "piped");
  EXPECT_EQ(Cubby({"cas", "k", "v"}).exit_code, 2);
  ExpectError({"cas", "k", "v", "--revision", "one"}, 2,
              "--revision 'one' is not a number from 0 to 18446744073709551615; see cubby cas "
              "--help");
}

TEST_F(CliUpdatesTest, PutKeepsItsConditions) {
  ExpectError({"put", "k", "v", "--if-present"}, 1, "no such key 'k'");
  ExpectOk({"put", "k", "v", "--if-absent"}, "");
  EXPECT_EQ(Cubby({"put", "k", "w", "--if-absent"}).exit_code, 1);
  ExpectOk({"get", "k"}, "v");
  ExpectOk({"put", "k", "w", "--if-present"}, "");
  const std::string revision = Revision("k");
  ExpectOk({"put", "k", "x", "--if-revision", revision}, "");
  EXPECT_EQ(Cubby({"put", "k", "y", "--if-revision", revision}).exit_code, 1);
  ExpectOk({"get", "k"}, "x");
  ExpectError({"put", "k", "v", "--if-absent", "--if-present"}, 2,
              "give one of --if-absent, --if-present and --if-revision");
}

TEST_F(CliUpdatesTest, CountersGoUpAndDown) {
  ExpectError({"incr", "n"}, 1, "no such key 'n': give --initial to make it");
  ExpectOk({"incr", "n", "--initial", "10"}, "10\n");
  ExpectOk({"incr", "n", "--initial", "10"}, "11\n");
  ExpectOk({"incr", "n", "9"}, "20\n");
  ExpectOk({"decr", "n", "25"}, "-5\n");
  ExpectOk({"incr", "n", "-5"}, "-10\n");
  ExpectOk({"decr", "n"}, "-11\n");
  ExpectOk({"get", "n"}, "-11");
  ExpectOk({"decr", "m", "--initial", "-9223372036854775808"}, "-9223372036854775808\n");
  ExpectError({"decr", "m"}, 4,
              "-9223372036854775808 + -1 does not fit in 64 bits: put a smaller number");
  ExpectOk({"get", "m"}, "-9223372036854775808");
}

TEST_F(CliUpdatesTest, WhatIsNoNumberIsNotCounted) {
  ExpectOk({"put", "k", "ten"}, "");
  ExpectError({"incr", "k"}, 2, "the value is not a decimal number of 64 bits: put one first");
  ExpectError({"incr", "k", "1.5"}, 2,
              "BY '1.5' is not a number from -9223372036854775808 to 9223372036854775807; see "
              "cubby incr --help");
  EXPECT_EQ(Cubby({"decr", "k", "-9223372036854775808"}).exit_code, 2);
  ExpectOk({"get", "k"}, "ten");
}

TEST_F(CliUpdatesTest, ACounterKeepsItsLifetime) {
  ExpectOk({"incr", "n", "--initial", "1", "--ttl", "1h"}, "1\n");
  ExpectOk({"incr", "n", "--initial", "1", "--ttl", "9h"}, "2\n");
  ExpectAboutAnHour("n");
  ExpectError({"incr", "n", "--ttl", "1h"}, 2,
              "--ttl is for a new counter: give --initial too, or use `cubby touch`");
}

TEST_F(CliUpdatesTest, AppendMakesAndExtends) {
  ExpectOk({"append", "k", "ab", "--ttl", "1h"}, "");
  EXPECT_EQ(Cubby({"append", "k", "-"}, std::string("\0\n", 2)).exit_code, 0);
  ExpectOk({"append", "k", "-", "--literal"}, "");
  ExpectOk({"get", "k"}, std::string("ab\0\n-", 5));
  ExpectAboutAnHour("k");
  const ExitResult too_long = Cubby({"append", "k", "-"}, std::string(1 << 20, 'v'));
  EXPECT_EQ(too_long.exit_code, 4);
  EXPECT_THAT(too_long.err, HasSubstr("the limit is 1048576"));
}

TEST_F(CliUpdatesTest, GetsetPrintsWhatItReplaces) {
  ExpectOk({"getset", "k", "1"}, "");
  ExpectOk({"getset", "k", "2", "--ttl", "1h"}, "1");
  ExpectOk({"getset", "k", "3", "--keep-ttl"}, "2");
  ExpectAboutAnHour("k");
  EXPECT_EQ(Cubby({"getset", "k", "-"}, "4").out, "3");
  EXPECT_LT(Ttl("k"), 0);
}

TEST_F(CliUpdatesTest, GetdelPrintsWhatItRemoves) {
  ExpectOk({"put", "k", "v\n"}, "");
  ExpectOk({"getdel", "k"}, "v\n");
  ExpectError({"getdel", "k"}, 1, "no such key 'k'");
}

TEST_F(CliUpdatesTest, LifetimesAreShownAndChanged) {
  for (const char* subcommand : {"touch", "ttl", "persist"}) {
    ExpectError({subcommand, "k"}, 1, "no such key 'k'");
  }
  ExpectOk({"put", "k", "v"}, "");
  EXPECT_LT(Ttl("k"), 0);
  ExpectOk({"touch", "k", "--ttl", "1h"}, "");
  ExpectAboutAnHour("k");
  ExpectOk({"persist", "k"}, "");
  EXPECT_LT(Ttl("k"), 0);
  ExpectOk({"get", "k", "--touch", "1h"}, "v");
  ExpectAboutAnHour("k");
  ExpectOk({"touch", "k"}, "");
  EXPECT_LT(Ttl("k"), 0);
  ExpectOk({"get", "k"}, "v");
  ExpectError({"get", "n", "--touch", "1h"}, 1, "no such key 'n'");
}

TEST_F(CliUpdatesTest, AnOverwriteKeepsTheLifetimeIfToldTo) {
  ExpectOk({"put", "k", "v", "--keep-ttl", "--ttl", "1h"}, "");
  ExpectAboutAnHour("k");
  ExpectOk({"put", "k", "w", "--keep-ttl"}, "");
  ExpectOk({"replace", "k", "x", "--keep-ttl"}, "");
  ExpectOk({"cas", "k", "y", "--keep-ttl", "--revision", Revision("k")}, "");
  ExpectAboutAnHour("k");
  ExpectOk({"replace", "k", "z"}, "");
  EXPECT_LT(Ttl("k"), 0);
}

TEST_F(CliUpdatesTest, ATouchedKeyExpires) {
  ExpectOk({"put", "k", "v"}, "");
  ExpectOk({"touch", "k", "--ttl", "1ms"}, "");
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "k"}).exit_code == 0) ASSERT_LT(absl::Now(), deadline);
  ExpectError({"persist", "k"}, 1, "no such key 'k'");
}

TEST_F(CliUpdatesTest, EscapedNamesKeysThatNoArgumentCanHold) {
  const std::string key = "two\\nlines";
  ExpectOk({"incr", "--escaped", key, "--initial", "1"}, "1\n");
  ExpectOk({"append", "--escaped", key, "0"}, "");
  ExpectOk({"decr", "--escaped", key}, "9\n");
  ExpectOk({"touch", "--escaped", key}, "");
  ExpectOk({"ttl", "--escaped", key}, "never\n");
  ExpectOk({"persist", "--escaped", key}, "");
  ExpectOk({"getset", "--escaped", key, "v"}, "9");
  ExpectOk({"scan"}, key + "\tv\n");
  ExpectOk({"getdel", "--escaped", key}, "v");
  ExpectError({"ttl", "--escaped", key}, 1, "no such key '" + key + "'");
}

TEST_F(CliUpdatesTest, ProcessesShareACounter) {
  constexpr int kProcesses = 8;
  std::vector<std::unique_ptr<Subprocess>> processes;
  for (int i = 0; i < kProcesses; ++i) {
    processes.push_back(StartCubby({"incr", "n", "--initial", "1"}));
    ASSERT_NE(processes.back(), nullptr);
  }
  std::vector<std::string> sums;
  sums.reserve(kProcesses);
  for (const auto& process : processes) sums.push_back(process->Wait(absl::Seconds(60)).out);
  std::vector<std::string> expected;
  expected.reserve(kProcesses);
  for (int i = 1; i <= kProcesses; ++i) expected.push_back(absl::StrCat(i, "\n"));
  EXPECT_THAT(sums, ::testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace cubby::test
