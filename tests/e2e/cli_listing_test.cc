// scan count load verify, as a user runs them.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// One entry for each byte, as `load --escaped` reads it: the byte is in the key and, twice, in the
// value.
std::string EscapedLineForEveryByte() {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string hex = absl::StrCat("\\x", absl::Hex(byte, absl::kZeroPad2));
    absl::StrAppend(&lines, "key", hex, "\t", hex, "value", hex, "\n");
  }
  return lines;
}

class CliListingTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "1000"})); }

  // Starts the command with `input` to read, and more to come that never does.
  std::unique_ptr<Subprocess> StartWithUnendingInput(const std::string& subcommand,
                                                     const std::string& input) const {
    SubprocessOptions options;
    options.input = input;
    options.hold_input = true;
    options.environment = {{"CUBBY_STORE", store()}};
    auto child = Subprocess::Start({ProgramPath("cubby"), subcommand}, options);
    EXPECT_TRUE(child.ok()) << child.status();
    return child.ok() ? *std::move(child) : nullptr;
  }

  void Load(const std::string& lines, const std::string& flag = "--escaped") {
    const ExitResult load = Cubby({"load", flag}, lines);
    ASSERT_EQ(load.exit_code, 0) << load.err;
  }
};

TEST_F(CliListingTest, EmptyStoreListsNothing) {
  EXPECT_EQ(Cubby({"scan"}).out, "");
  EXPECT_EQ(Cubby({"scan", "--json"}).out, "[]\n");
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliListingTest, ScanShowsKeyTabValue) {
  Load("k\tv\n");
  EXPECT_EQ(Cubby({"scan"}).out, "k\tv\n");
  EXPECT_EQ(Cubby({"scan", "--keys-only"}).out, "k\n");
}

TEST_F(CliListingTest, ScanEscapesWhatWouldBreakALine) {
  Load("a\\tb\tc\\nd\\\\e\\r\\x00\\xff\n");
  EXPECT_EQ(Cubby({"scan"}).out, "a\\tb\tc\\nd\\\\e\\r\\x00\\xff\n");
}

TEST_F(CliListingTest, ScanIsHarmlessOnATerminalAndLoadsBack) {
  const std::string hostile = "\xc2\x9b[31m\xe2\x80\xae\xe2\x80\xa8\x1b";
  const std::string line = "k\xc2\x9b\t" + hostile + "\n";
  Load(line);

  const std::string scanned = Cubby({"scan"}).out;

  EXPECT_EQ(scanned, "k\\xc2\\x9b\t\\xc2\\x9b[31m\\xe2\\x80\\xae\\xe2\\x80\\xa8\\x1b\n");
  EXPECT_EQ(Cubby({"verify", "--escaped"}, scanned).exit_code, 0);
  EXPECT_EQ(Cubby({"verify"}, line).exit_code, 0);
  const auto json = ParseJson(Cubby({"scan", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->at(0).at("value"), hostile);
}

TEST_F(CliListingTest, PrefixChoosesKeys) {
  Load("user:1\ta\nuser:2\tb\nuse\tc\n");
  EXPECT_EQ(Cubby({"scan", "--prefix", "user:2"}).out, "user:2\tb\n");
  const auto json = ParseJson(Cubby({"scan", "--prefix", "user:", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->size(), 2u);
  EXPECT_EQ(Cubby({"scan", "--prefix=", "--keys-only"}).out, Cubby({"scan", "--keys-only"}).out);
}

TEST_F(CliListingTest, ScanAndLoadRoundTripEveryByte) {
  Load(EscapedLineForEveryByte());
  const std::string scanned = Cubby({"scan"}).out;
  ASSERT_EQ(Cubby({"flush"}).exit_code, 0);

  EXPECT_EQ(Cubby({"load", "--escaped"}, scanned).out, "loaded 256 entries\n");

  const ExitResult verify = Cubby({"verify", "--escaped"}, EscapedLineForEveryByte());
  EXPECT_EQ(verify.exit_code, 0) << verify.err;
  EXPECT_EQ(verify.out, "verified 256 entries\n");
}

TEST_F(CliListingTest, JsonIsValidAndLosslessForEveryByte) {
  Load(EscapedLineForEveryByte());
  const auto json = ParseJson(Cubby({"scan", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  std::map<std::string, std::string> entries;
  for (const nlohmann::json& entry : *json) {
    const bool binary = entry.contains("key_base64");
    EXPECT_NE(entry.contains("key"), binary);
    EXPECT_EQ(entry.contains("value_base64"), binary);
    std::string key = entry.value("key", "");
    std::string value = entry.value("value", "");
    if (binary) {
      EXPECT_TRUE(absl::Base64Unescape(entry.at("key_base64").get<std::string>(), &key));
      EXPECT_TRUE(absl::Base64Unescape(entry.at("value_base64").get<std::string>(), &value));
    }
    entries[key] = value;
  }
  ASSERT_EQ(entries.size(), 256u);
  for (int i = 0; i < 256; ++i) {
    const std::string byte(1, static_cast<char>(i));
    EXPECT_EQ(entries["key" + byte], absl::StrCat(byte, "value", byte));
  }
}

TEST_F(CliListingTest, CountHasEntriesThatWillExpire) {
  Load("a\t1\nb\t2\n");
  ASSERT_EQ(Cubby({"put", "c", "3", "--ttl", "1h"}).exit_code, 0);
  EXPECT_EQ(Cubby({"count"}).out, "3\n");
}

TEST_F(CliListingTest, LoadTakesRawLinesAsTheyAre) {
  const ExitResult load =
      Cubby({"load"}, "back\\nslash\ta\\tb\ntab\tc\td\nempty\t\nno line end\te\r");
  EXPECT_EQ(load.out, "loaded 4 entries\n") << load.err;
  EXPECT_EQ(Cubby({"get", "back\\nslash"}).out, "a\\tb");
  EXPECT_EQ(Cubby({"get", "tab"}).out, "c\td");
  EXPECT_EQ(Cubby({"get", "empty"}).out, "");
  EXPECT_EQ(Cubby({"get", "no line end"}).out, "e\r");
}

TEST_F(CliListingTest, LoadTakesWindowsLineEnds) {
  EXPECT_EQ(Cubby({"load"}, "a\t1\r\nb\t2\r\n").out, "loaded 2 entries\n");
  EXPECT_EQ(Cubby({"get", "a"}).out, "1");
  EXPECT_EQ(Cubby({"get", "b"}).out, "2");
}

TEST_F(CliListingTest, LoadPutsEachLineAsItComes) {
  const auto load = StartWithUnendingInput("load", "a\t1\nb\t2\nhalf");
  ASSERT_NE(load, nullptr);
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "b"}).exit_code != 0) ASSERT_LT(absl::Now(), deadline);
  EXPECT_EQ(Cubby({"get", "a"}).out, "1");
  EXPECT_TRUE(load->Running());

  load->CloseInput();

  const ExitResult result = load->Wait(absl::Seconds(60));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err,
            "cubby: line 3: no tab between key and value; loaded 2 entries before it\n");
}

TEST_F(CliListingTest, VerifyComparesEachLineAsItComes) {
  Load("a\t1\nb\t2\n");
  const auto verify = StartWithUnendingInput("verify", "a\t1\nb\t3\n");
  ASSERT_NE(verify, nullptr);
  const ExitResult result = verify->Wait(absl::Seconds(60));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("cubby: line 2: the value of 'b' differs"));
}

TEST_F(CliListingTest, LoadTakesATtl) {
  ASSERT_EQ(Cubby({"load", "--ttl", "1h"}, "k\tv\n").exit_code, 0);
  const auto json = ParseJson(Cubby({"get", "k", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_GT(json->at("ttl_seconds").get<double>(), 0);
}

TEST_F(CliListingTest, LoadNamesTheLineItCannotRead) {
  const struct {
    std::string line;
    std::string error;
    int exit_code;
  } cases[] = {
      {"no tab", "cubby: line 2: no tab between key and value; loaded 1 entry before it\n", 2},
      {"", "cubby: line 2: no tab between key and value; loaded 1 entry before it\n", 2},
      {"a\\q\tv",
       "cubby: line 2: unknown escape '\\\\q': known are \\\\ \\t \\n \\r \\xHH; loaded 1 entry "
       "before it\n",
       2},
  };
  for (const auto& c : cases) {
    const ExitResult load = Cubby({"load", "--escaped"}, "k\tv\n" + c.line + "\nlater\tv\n");
    EXPECT_EQ(load.exit_code, c.exit_code) << c.line;
    EXPECT_EQ(load.err, c.error);
    EXPECT_EQ(load.out, "");
  }
  EXPECT_EQ(Cubby({"exists", "k"}).exit_code, 0);
  EXPECT_EQ(Cubby({"exists", "later"}).exit_code, 1);
}

TEST_F(CliListingTest, LoadIntoAFullStoreSaysWhereItStopped) {
  std::string lines;
  for (int i = 1; i <= 1001; ++i) absl::StrAppend(&lines, "key", i, "\tv\n");
  const ExitResult load = Cubby({"load"}, lines);
  EXPECT_EQ(load.exit_code, 4);
  EXPECT_THAT(load.err, HasSubstr("line 1001: "));
  EXPECT_THAT(load.err, HasSubstr("; loaded 1000 entries before it\n"));
  EXPECT_EQ(Cubby({"count"}).out, "1000\n");
}

TEST_F(CliListingTest, VerifyNamesTheFirstLineThatDiffers) {
  Load("a\t1\nb\tbanana\n");
  const ExitResult differs = Cubby({"verify"}, "a\t1\nb\tbandana\nc\t3\n");
  EXPECT_EQ(differs.exit_code, 1);
  EXPECT_EQ(
      differs.err,
      "cubby: line 2: the value of 'b' differs at byte 3: the store's has 6 bytes, the line's "
      "7\n");
  EXPECT_THAT(differs.out, Not(HasSubstr("verified")));
  const ExitResult missing = Cubby({"verify"}, "c\t3\n");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.err, "cubby: line 1: no such key 'c'\n");
}

}  // namespace
}  // namespace cubby::test
