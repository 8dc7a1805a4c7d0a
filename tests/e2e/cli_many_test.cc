// get, mget and del of many keys, and --prefix, as a user runs them.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliManyTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "2000"})); }

  void Load(const std::string& lines) {
    const ExitResult load = Cubby({"load", "--escaped"}, lines);
    ASSERT_EQ(load.exit_code, 0) << load.err;
  }

  // Starts the command with `input` to read, and more to come that never does.
  std::unique_ptr<Subprocess> StartWithUnendingInput(const std::vector<std::string>& command,
                                                     const std::string& input) const {
    SubprocessOptions options;
    options.input = input;
    options.hold_input = true;
    options.environment = {{"CUBBY_STORE", store()}};
    std::vector<std::string> argv = {ProgramPath("cubby")};
    argv.insert(argv.end(), command.begin(), command.end());
    auto child = Subprocess::Start(argv, options);
    EXPECT_TRUE(child.ok()) << child.status();
    return child.ok() ? *std::move(child) : nullptr;
  }
};

TEST_F(CliManyTest, GetOfManyPrintsLinesOfScanInTheOrderOfTheKeys) {
  Load("a\t1\nb\ttwo\\nlines\nc\t3\texpires=4102444815\n");
  const ExitResult get = Cubby({"get", "c", "a", "b", "a"});
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_THAT(get.out, StartsWith("c\t3\texpires=410244481"));
  EXPECT_THAT(get.out, EndsWith("\na\t1\nb\ttwo\\nlines\na\t1\n"));
}

TEST_F(CliManyTest, GetOfManyNamesMissingKeysAndPrintsTheOthers) {
  Load("a\t1\nb\t2\n");
  const ExitResult get = Cubby({"get", "x", "a", "y", "b"});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_EQ(get.out, "a\t1\nb\t2\n");
  EXPECT_EQ(get.err, "cubby: no such key 'x'\ncubby: no such key 'y'\n");
}

TEST_F(CliManyTest, GetOfOneKeyPrintsItsBytes) {
  Load("a\tx\\n\n");
  EXPECT_EQ(Cubby({"get", "a"}).out, "x\n");
  EXPECT_EQ(Cubby({"mget", "a"}).out, "a\tx\\n\n");
  EXPECT_EQ(Cubby({"get", "-"}, "a\n").out, "a\tx\\n\n");
}

TEST_F(CliManyTest, WordsInBracketsAreKeys) {
  Load("[a,b]\t1\n[c]\t2\n");
  EXPECT_EQ(Cubby({"get", "[a,b]", "[c]"}).out, "[a,b]\t1\n[c]\t2\n");
  EXPECT_EQ(Cubby({"get", "[a,b]"}).out, "1");
}

TEST_F(CliManyTest, OptionsMayStandBetweenKeysAndKeysBehindAMark) {
  Load("a\t1\n-b\t2\n");
  EXPECT_EQ(Cubby({"get", "a", "--escaped", "--", "-b"}).out, "a\t1\n-b\t2\n");
  EXPECT_EQ(Cubby({"get", "a", "-b"}).exit_code, 2);
}

TEST_F(CliManyTest, GetReadsKeysFromInput) {
  Load("a\t1\nb c\t2\nd\t3\n");
  const ExitResult get = Cubby({"get", "-"},
                               "\xef\xbb\xbf"
                               "a\r\nb c\nmissing\nd");
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_EQ(get.out, "a\t1\nb c\t2\nd\t3\n");
  EXPECT_EQ(get.err,
            "cubby: line 1: left out a byte order mark before the key\n"
            "cubby: no such key 'missing'\n");
  EXPECT_EQ(Cubby({"get", "-"}, "").exit_code, 0);
}

TEST_F(CliManyTest, KeysInInputMayBeEscapedOrEndWithNul) {
  Load("two\\nlines\t1\n\\xff\t2\n");
  EXPECT_EQ(Cubby({"get", "--escaped", "-"}, "\\xff\ntwo\\nlines\n").out,
            "\\xff\t2\ntwo\\nlines\t1\n");
  EXPECT_EQ(Cubby({"get", "-0", "-"}, std::string("two\nlines\0\xff", 11)).out,
            std::string("two\nlines\0"
                        "1\0\xff\0"
                        "2\0",
                        16));
}

TEST_F(CliManyTest, TheKeyThatIsADashHasAnEscape) {
  Load("-\tdash\n");
  EXPECT_EQ(Cubby({"get", "--escaped", "\\x2d"}).out, "dash");
}

TEST_F(CliManyTest, GetAnswersEachKeyAsItComes) {
  Load("a\t1\n");
  const auto get = StartWithUnendingInput({"get", "-"}, "a\nb");
  ASSERT_NE(get, nullptr);
  EXPECT_EQ(get->WaitForOutput("a\t1\n", absl::Seconds(60)), absl::OkStatus());
  EXPECT_TRUE(get->Running());

  get->CloseInput();

  EXPECT_EQ(get->Wait(absl::Seconds(60)).err, "cubby: no such key 'b'\n");
}

TEST_F(CliManyTest, GetTakesMoreKeysThanOneBatch) {
  std::string lines;
  std::string keys;
  for (int i = 0; i < 1500; ++i) {
    absl::StrAppend(&lines, "key", i * 7919 % 1500, "\t", i, "\n");
    absl::StrAppend(&keys, "key", i * 7919 % 1500, "\n");
  }
  Load(lines);
  EXPECT_EQ(Cubby({"get", "-"}, keys).out, lines);
}

TEST_F(CliManyTest, InputThatHoldsNoKeyIsNamed) {
  Load("a\t1\n");
  const ExitResult escape = Cubby({"get", "--escaped", "-"}, "a\n\\q\na\n");
  EXPECT_EQ(escape.exit_code, 2);
  EXPECT_EQ(escape.out, "a\t1\n");
  EXPECT_THAT(escape.err, HasSubstr("cubby: line 2: unknown escape '\\q'"));
  const ExitResult longest =
      Cubby({"get", "-0", "-"}, absl::StrCat(std::string("a\0", 2), std::string(1 << 20, 'k')));
  EXPECT_EQ(longest.exit_code, 4);
  EXPECT_THAT(longest.err, HasSubstr("cubby: key 2: longer than "));
  const ExitResult utf16 = Cubby({"get", "-"}, std::string("a\0b\0\n\0", 6));
  EXPECT_EQ(utf16.exit_code, 2);
  EXPECT_THAT(utf16.err, HasSubstr("standard input is UTF-16 text"));
}

TEST_F(CliManyTest, MultiGetAsJsonIsLosslessAndInOrder) {
  Load("a\t1\n\\xff\t\\x00\\xfe\n");
  const ExitResult mget = Cubby({"mget", "--json", "--escaped", "\\xff", "none", "a"});
  EXPECT_EQ(mget.exit_code, 1);
  EXPECT_EQ(mget.err, "cubby: no such key 'none'\n");
  const auto json = ParseJson(mget.out);
  ASSERT_TRUE(json.ok()) << json.status();
  ASSERT_EQ(json->size(), 3u);
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(json->at(0).at("key_base64").get<std::string>(), &bytes));
  EXPECT_EQ(bytes, "\xff");
  EXPECT_TRUE(absl::Base64Unescape(json->at(0).at("value_base64").get<std::string>(), &bytes));
  EXPECT_EQ(bytes, std::string("\0\xfe", 2));
  EXPECT_EQ(json->at(1).at("key"), "none");
  for (const char* member : {"value", "revision", "ttl_seconds"}) {
    EXPECT_EQ(json->at(1).at(member), nullptr) << member;
  }
  EXPECT_EQ(json->at(2).at("value"), "1");
  EXPECT_GT(json->at(2).at("revision").get<double>(), 0);
  EXPECT_EQ(Cubby({"mget", "--json", "-"}, "").out, "[]\n");
}

TEST_F(CliManyTest, NulOutputLeavesOutValuesWithNul) {
  Load("a\tx\\x00\nb\t2\n");
  const ExitResult get = Cubby({"get", "-0", "a", "b"});
  EXPECT_EQ(get.exit_code, 1);
  EXPECT_EQ(get.out, std::string("b\0"
                                 "2\0",
                                 4));
  EXPECT_THAT(get.err, HasSubstr("left out 1 entry with a NUL byte, first that of 'a'"));
}

TEST_F(CliManyTest, OptionsThatExcludeEachOtherAreRefused) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"get", "a", "b", "--revision"},
                                             {"get", "-", "--revision"},
                                             {"mget", "a", "--json", "-0"},
                                             {"get"},
                                             {"mget"},
                                             {"del"},
                                             {"del", "a", "--prefix", "b"}}) {
    EXPECT_EQ(Cubby(command).exit_code, 2) << absl::StrJoin(command, " ");
  }
}

TEST_F(CliManyTest, GetTouchesMany) {
  Load("a\t1\nb\t2\n");
  const auto json = ParseJson(Cubby({"mget", "--json", "--touch", "1h", "a", "b"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_GT(json->at(0).at("ttl_seconds").get<double>(), 3000);
  EXPECT_GT(json->at(1).at("ttl_seconds").get<double>(), 3000);
}

TEST_F(CliManyTest, DelRemovesEachKeyAndNamesMissingOnes) {
  Load("a\t1\nb\t2\nc\t3\n");
  const ExitResult del = Cubby({"del", "a", "x", "b"});
  EXPECT_EQ(del.exit_code, 1);
  EXPECT_EQ(del.out, "");
  EXPECT_EQ(del.err, "cubby: no such key 'x'\n");
  EXPECT_EQ(Cubby({"scan", "--keys-only"}).out, "c\n");
  const ExitResult last = Cubby({"del", "c"});
  EXPECT_EQ(last.exit_code, 0);
  EXPECT_EQ(last.out + last.err, "");
}

TEST_F(CliManyTest, DelOfInputCounts) {
  Load("a\t1\nb\t2\nc\t3\n");
  EXPECT_EQ(Cubby({"del", "-"}, "a\nb\n").out, "removed 2 entries\n");
  const ExitResult del = Cubby({"del", "-"}, "a\nc\n");
  EXPECT_EQ(del.exit_code, 1);
  EXPECT_EQ(del.err, "cubby: no such key 'a'\ncubby: removed 1 entry, 1 key missing\n");
}

TEST_F(CliManyTest, ScannedKeysCanBeDeleted) {
  Load("a\t1\ntwo\\nlines\t2\n\\xff\t3\n");
  const ExitResult del = Cubby({"del", "-0", "-"}, Cubby({"scan", "--keys-only", "-0"}).out);
  EXPECT_EQ(del.out, "removed 3 entries\n") << del.err;
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliManyTest, InterruptedDelTellsHowFarItGot) {
  Load("a\t1\nb\t2\n");
  const auto del = StartWithUnendingInput({"del", "-"}, "a\nnone\nb\n");
  ASSERT_NE(del, nullptr);
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "b"}).exit_code == 0) ASSERT_LT(absl::Now(), deadline);

  del->Interrupt();

  const ExitResult result = del->Wait(absl::Seconds(60));
  EXPECT_NE(result.exit_code, 0);
  // The last key is removed, but may not be counted yet.
  EXPECT_THAT(
      result.err,
      AnyOf(EndsWith("\ncubby: interrupted after key 3: removed 2 entries, 1 key missing\n"),
            EndsWith("\ncubby: interrupted after key 2: removed 1 entry, 1 key missing\n")));
}

TEST_F(CliManyTest, PrefixIsCountedAndRemoved) {
  std::string lines = "use\t1\nother\t2\n";
  for (int i = 0; i < 500; ++i) absl::StrAppend(&lines, "user:", i, "\t", i, "\n");
  Load(lines);
  EXPECT_EQ(Cubby({"count", "--prefix", "user:"}).out, "500\n");
  EXPECT_EQ(Cubby({"count", "--prefix="}).out, "502\n");

  const ExitResult del = Cubby({"del", "--prefix", "user:4"});
  EXPECT_EQ(del.exit_code, 0) << del.err;
  EXPECT_EQ(del.out, "removed 111 entries\n");
  const ExitResult flush = Cubby({"flush", "--prefix", "user:"});
  EXPECT_EQ(flush.exit_code, 0) << flush.err;
  EXPECT_EQ(flush.out, "removed 389 entries\n");

  EXPECT_THAT(Cubby({"scan"}).out, AnyOf("use\t1\nother\t2\n", "other\t2\nuse\t1\n"));
  EXPECT_EQ(Cubby({"count", "--prefix", "user:"}).out, "0\n");
  const ExitResult none = Cubby({"del", "--prefix", "user:"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.out, "removed 0 entries\n");
  ExpectSound();
}

TEST_F(CliManyTest, PrefixMayBeEscaped) {
  Load("\\xff\\x001\tv\n\\xff2\tw\nx\ty\n");
  EXPECT_EQ(Cubby({"count", "--escaped", "--prefix", "\\xff\\x00"}).out, "1\n");
  EXPECT_EQ(Cubby({"del", "--escaped", "--prefix", "\\xff\\x00"}).out, "removed 1 entry\n");
  EXPECT_EQ(Cubby({"flush", "--escaped", "--prefix", "\\xff"}).out, "removed 1 entry\n");
  EXPECT_EQ(Cubby({"scan"}).out, "x\ty\n");
}

TEST_F(CliManyTest, AnEmptyPrefixRemovesNothing) {
  Load("a\t1\n");
  for (const char* command : {"del", "flush"}) {
    const ExitResult refused = Cubby({command, "--prefix", ""});
    EXPECT_EQ(refused.exit_code, 2) << command;
    EXPECT_THAT(refused.err, HasSubstr("--prefix is empty: "));
  }
  EXPECT_EQ(Cubby({"count"}).out, "1\n");
  EXPECT_EQ(Cubby({"flush"}).out, "removed 1 entry\n");
}

TEST_F(CliManyTest, RemovingByPrefixNeedsNoDaemon) {
  Load("a1\t1\na2\t2\n");
  // On Windows a store without a daemon lives as long as somebody has it open.
  const auto holder = StartWithUnendingInput({"get", "-"}, "a1\n");
  ASSERT_NE(holder, nullptr);
  ASSERT_EQ(holder->WaitForOutput("a1\t1\n", absl::Seconds(60)), absl::OkStatus());
  KillDaemon();
  EXPECT_EQ(Cubby({"flush", "--prefix", "a1"}).out, "removed 1 entry\n");
  EXPECT_EQ(Cubby({"del", "--prefix", "a"}).out, "removed 1 entry\n");
}

}  // namespace
}  // namespace cubby::test
