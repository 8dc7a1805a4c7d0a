// scan count load verify, as a user runs them.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

// The line of `key` among lines of `scan`, and the others.
std::string Line(const std::string& key, const std::string& lines) {
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (absl::StartsWith(line, key + "\t")) return absl::StrCat(line, "\n");
  }
  return "";
}
std::string WithoutLine(const std::string& key, const std::string& lines) {
  return absl::StrReplaceAll(lines, {{Line(key, lines), ""}});
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

  // The ttl_seconds of each entry.
  std::map<std::string, absl::optional<double>> Ttls() const {
    std::map<std::string, absl::optional<double>> ttls;
    const auto json = ParseJson(Cubby({"scan", "--json"}).out);
    EXPECT_TRUE(json.ok()) << json.status();
    if (!json.ok()) return ttls;
    for (const nlohmann::json& entry : *json) {
      const nlohmann::json& ttl = entry.at("ttl_seconds");
      ttls[entry.at("key")] =
          ttl.is_null() ? absl::nullopt : absl::optional<double>(ttl.get<double>());
    }
    return ttls;
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

TEST_F(CliListingTest, ScanAndLoadRoundTripEveryTtl) {
  const std::map<std::string, std::string> ttls = {
      {"hour", "1h"}, {"week", "1w"}, {"fraction", "1234.5678"}, {"century", "36525d"}};
  Load("never\tv\\twith tab\n");
  for (const auto& [key, ttl] : ttls) {
    ASSERT_EQ(Cubby({"put", key, "v", "--ttl", ttl}).exit_code, 0);
  }
  ASSERT_EQ(Cubby({"put", "brief", "v", "--ttl", "1ms"}).exit_code, 0);
  const auto before = Ttls();
  const std::string scanned = Cubby({"scan"}).out;
  ASSERT_EQ(Cubby({"flush"}).exit_code, 0);

  const ExitResult load =
      Cubby({"load", "--escaped", "--ttl", "1s"}, WithoutLine("never", scanned));
  ASSERT_EQ(load.exit_code, 0) << load.err;
  ASSERT_EQ(Cubby({"load", "--escaped"}, Line("never", scanned)).exit_code, 0);

  const auto after = Ttls();
  EXPECT_EQ(after.at("never"), absl::nullopt);
  for (const auto& [key, ttl] : ttls) {
    // Less by what the test takes, and never more but for what Windows' clock adds.
    EXPECT_LE(*after.at(key), *before.at(key) + 0.064) << key;
    EXPECT_GT(*after.at(key), *before.at(key) - 600) << key;
  }
  EXPECT_EQ(Cubby({"verify", "--escaped"}, scanned).exit_code, 0);
}

TEST_F(CliListingTest, LoadLeavesOutWhatHasExpired) {
  const ExitResult load = Cubby(
      {"load", "--escaped"}, "old\t1\texpires=1700000000.5\nnew\t2\texpires=32503680000\nk\t3\n");
  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_EQ(load.out, "loaded 2 entries, 1 had expired\n");
  EXPECT_EQ(Cubby({"exists", "old"}).exit_code, 1);
  EXPECT_EQ(Cubby({"exists", "new"}).exit_code, 0);
}

TEST_F(CliListingTest, LoadRefusesAThirdFieldThatIsNoExpiry) {
  for (const std::string field :
       {"", "1", "expires=", "expires=soon", "expires=-1", "expires=1h", "expires=1\texpires=1"}) {
    const ExitResult load = Cubby({"load", "--escaped"}, "k\tv\t" + field + "\n");
    EXPECT_EQ(load.exit_code, 2) << field;
    EXPECT_THAT(load.err, HasSubstr("line 1: bad third field"));
  }
}

TEST_F(CliListingTest, LoadRefusesLinesOfScanThatItWouldTakeLiterally) {
  ASSERT_EQ(Cubby({"put", "k", "v", "--ttl", "1h"}).exit_code, 0);
  const ExitResult load = Cubby({"load"}, Cubby({"scan"}).out);
  EXPECT_EQ(load.exit_code, 2);
  EXPECT_THAT(load.err, HasSubstr("line 1: the line states an expiry"));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliListingTest, LinesOfScanWithoutEscapedAreRecognized) {
  ASSERT_EQ(Cubby({"load", "--escaped"}, "k\ta\\nb\nplain\tv\n").exit_code, 0);
  const std::string scanned = Cubby({"scan"}).out;
  const ExitResult verify = Cubby({"verify"}, scanned);
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.err, HasSubstr("the value of 'k' is the line's with its escapes decoded: give "
                                    "--escaped\n"));
  const ExitResult load = Cubby({"load"}, scanned);
  EXPECT_EQ(load.exit_code, 0);
  EXPECT_EQ(load.out, "loaded 2 entries\n");
  EXPECT_THAT(load.err, HasSubstr("load them again with --escaped"));
  for (const std::string lines : {"plain\tv\n", "k\tC:\\dir\n", "k\ta\\nb\nl\t\\q\n"}) {
    EXPECT_EQ(Cubby({"load"}, lines).err, "") << lines;
  }
  EXPECT_EQ(Cubby({"load", "--escaped"}, scanned).err, "");
}

TEST_F(CliListingTest, ScanWithNulPrintsBytesAsTheyAre) {
  Load("two\\nlines\ta\\tb\nback\\\\slash\tc\n");
  const std::string lines("two\nlines\0a\tb\0", 14);
  const std::string slash("back\\slash\0c\0", 13);
  EXPECT_THAT(Cubby({"scan", "-0"}).out, AnyOf(lines + slash, slash + lines));
  EXPECT_EQ(Cubby({"scan", "--null", "--keys-only", "--prefix", "two"}).out,
            std::string("two\nlines\0", 10));
  EXPECT_EQ(Cubby({"scan", "-0", "--json"}).exit_code, 2);
}

TEST_F(CliListingTest, ScanWithNulSaysWhatItLeavesOut) {
  Load("nul\\x00\tv\nkey\tnul\\x00\n");
  const ExitResult entries = Cubby({"scan", "-0"});
  EXPECT_EQ(entries.exit_code, 1);
  EXPECT_EQ(entries.out, "");
  EXPECT_THAT(entries.err, HasSubstr("left out 2 entries with a NUL byte"));
  const ExitResult keys = Cubby({"scan", "-0", "--keys-only"});
  EXPECT_EQ(keys.exit_code, 1);
  EXPECT_EQ(keys.out, std::string("key\0", 4));
  EXPECT_EQ(keys.err,
            "cubby: left out 1 entry with a NUL byte, first that of 'nul\\x00': scan without -0, "
            "and give such keys with --escaped\n");
}

TEST_F(CliListingTest, PrefixMayBeEscaped) {
  Load("nul\\x00a\tv\nnul\tw\n");
  EXPECT_EQ(Cubby({"scan", "--escaped", "--prefix", "nul\\x00"}).out, "nul\\x00a\tv\n");
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
  EXPECT_EQ(verify->WaitForError("cubby: line 2: the value of 'b' differs", absl::Seconds(60)),
            absl::OkStatus());
  EXPECT_TRUE(verify->Running());

  verify->CloseInput();

  EXPECT_EQ(verify->Wait(absl::Seconds(60)).exit_code, 1);
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
       "cubby: line 2: unknown escape '\\q': known are \\\\ \\t \\n \\r \\xHH; loaded 1 entry "
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

TEST_F(CliListingTest, LoadKeepsGoingAndCounts) {
  const ExitResult load =
      Cubby({"load", "--escaped", "--keep-going"},
            absl::StrCat("a\t1\n\n", std::string(70'000, 'k'), "\tv\n", std::string(5 << 20, 'k'),
                         "\n", "b\t2\n", "\\q\tv\n", "\tno key\n", "c\t3"));
  EXPECT_EQ(load.exit_code, 1);
  EXPECT_EQ(load.out, "");
  for (const char* error : {"cubby: line 2: no tab between key and value\n",
                            "cubby: line 3: the key has 70000 bytes", "cubby: line 4: longer than ",
                            "cubby: line 6: unknown escape", "cubby: line 7: the key is empty"}) {
    EXPECT_THAT(load.err, HasSubstr(error));
  }
  EXPECT_THAT(load.err, EndsWith("\ncubby: loaded 3 entries, 5 lines failed\n"));
  EXPECT_EQ(Cubby({"verify"}, "a\t1\nb\t2\nc\t3\n").out, "verified 3 entries\n");
}

TEST_F(CliListingTest, LoadKeepsGoingPastALongLastLine) {
  const ExitResult load = Cubby({"load", "--keep-going"}, "a\t1\n" + std::string(5 << 20, 'k'));
  EXPECT_EQ(load.exit_code, 1);
  EXPECT_THAT(load.err, EndsWith("cubby: loaded 1 entry, 1 line failed\n"));
}

TEST_F(CliListingTest, LoadKeepsGoingInAFullStore) {
  std::string lines;
  for (int i = 1; i <= 1001; ++i) absl::StrAppend(&lines, "key", i, "\tv\n");
  const ExitResult load = Cubby({"load", "--keep-going"}, lines + "key1\tagain\n");
  EXPECT_EQ(load.exit_code, 1);
  EXPECT_THAT(load.err, HasSubstr("line 1001: the store is full"));
  EXPECT_THAT(load.err, EndsWith("\ncubby: loaded 1001 entries, 1 line failed\n"));
  EXPECT_EQ(Cubby({"get", "key1"}).out, "again");
}

TEST_F(CliListingTest, LoadThatKeepsGoingWithoutFailuresIsALoad) {
  const ExitResult load = Cubby({"load", "--keep-going"}, "a\t1\n");
  EXPECT_EQ(load.exit_code, 0);
  EXPECT_EQ(load.out, "loaded 1 entry\n");
}

TEST_F(CliListingTest, InterruptedLoadTellsHowFarItGot) {
  const auto load = StartWithUnendingInput("load", "a\t1\nb\t2\nhalf");
  ASSERT_NE(load, nullptr);
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "b"}).exit_code != 0) ASSERT_LT(absl::Now(), deadline);

  load->Interrupt();

  const ExitResult result = load->Wait(absl::Seconds(60));
  EXPECT_NE(result.exit_code, 0);
  // The second line is put, but may not be counted yet.
  EXPECT_THAT(result.err, AnyOf("cubby: interrupted after line 2: loaded 2 entries\n",
                                "cubby: interrupted after line 1: loaded 1 entry\n"));
}

TEST_F(CliListingTest, InterruptedVerifyTellsHowFarItGot) {
  Load("a\t1\n");
  const auto verify = StartWithUnendingInput("verify", "a\t1\nb\t2\nc\t3\n");
  ASSERT_NE(verify, nullptr);
  ASSERT_EQ(verify->WaitForError("line 3", absl::Seconds(60)), absl::OkStatus());

  verify->Interrupt();

  const ExitResult result = verify->Wait(absl::Seconds(60));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("cubby: interrupted after line "));
  EXPECT_THAT(result.err, HasSubstr(": verified 1 entry, "));
}

TEST_F(CliListingTest, ByteOrderMarkIsLeftOutAndSaid) {
  const ExitResult load = Cubby({"load"},
                                "\xef\xbb\xbf"
                                "a\t1\r\n\xef\xbb\xbf"
                                "b\t\xef\xbb\xbf\n");
  EXPECT_EQ(load.exit_code, 0);
  EXPECT_EQ(load.err,
            "cubby: line 1: left out a byte order mark before the key\n"
            "cubby: line 2: left out a byte order mark before the key\n");
  EXPECT_EQ(Cubby({"get", "a"}).out, "1");
  EXPECT_EQ(Cubby({"get", "b"}).out, "\xef\xbb\xbf") << "a value may have one";
  EXPECT_EQ(Cubby({"verify"},
                  "\xef\xbb\xbf"
                  "a\t1\n")
                .exit_code,
            0);
}

TEST_F(CliListingTest, KeyWithAByteOrderMarkRoundTrips) {
  Load("\\xef\\xbb\\xbfk\tv\n");
  const std::string scanned = Cubby({"scan"}).out;
  EXPECT_EQ(scanned, "\\xef\\xbb\\xbfk\tv\n");
  EXPECT_EQ(Cubby({"verify", "--escaped"}, scanned).err, "");
}

TEST_F(CliListingTest, Utf16IsRefused) {
  const std::string inputs[] = {std::string("\xff\xfe"
                                            "a\0\t\0"
                                            "1\0\n\0",
                                            10),
                                std::string("\xfe\xff\0a\0\t\0"
                                            "1\0\n",
                                            10),
                                std::string("a\0\t\0"
                                            "1\0\n\0",
                                            8)};
  for (const std::string& input : inputs) {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"load"}, {"load", "--escaped"}, {"load", "--keep-going"}, {"verify"}}) {
      const ExitResult result = Cubby(command, input);
      EXPECT_EQ(result.exit_code, 2);
      EXPECT_THAT(result.err,
                  StartsWith("cubby: standard input is UTF-16 text: convert it to UTF-8"));
      EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
    }
  }
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliListingTest, Utf32IsRefusedByItsName) {
  const std::string utf32("\xff\xfe\0\0a\0\0\0\t\0\0\0b\0\0\0\n\0\0\0", 20);
  const ExitResult load = Cubby({"load"}, utf32);
  EXPECT_EQ(load.exit_code, 2);
  EXPECT_THAT(load.err, StartsWith("cubby: standard input is UTF-32 text: convert it to UTF-8 "
                                   "(iconv -f UTF-32 -t UTF-8)"));
}

TEST_F(CliListingTest, FieldThatIsNoExpiryIsShownAsItStands) {
  const ExitResult load = Cubby({"load", "--escaped"}, "k\tv\ta\\tb\n");
  EXPECT_EQ(load.exit_code, 2);
  EXPECT_THAT(load.err, StartsWith("cubby: line 1: bad third field 'a\\tb'"));
}

TEST_F(CliListingTest, VerifyNamesEachLineThatDiffersAndCounts) {
  Load("a\t1\nb\tbanana\n");
  const ExitResult differs = Cubby({"verify"}, "a\t1\nb\tbandana\nc\t3\n\na\t1\n");
  EXPECT_EQ(differs.exit_code, 1);
  EXPECT_EQ(
      differs.err,
      "cubby: line 2: the value of 'b' differs at byte 3: the store's has 6 bytes, the line's "
      "7\n"
      "cubby: line 3: no such key 'c'\n"
      "cubby: line 4: no tab between key and value\n"
      "cubby: verified 2 entries, 3 lines different\n");
  EXPECT_THAT(differs.out, Not(HasSubstr("verified")));
}

TEST_F(CliListingTest, VerifyMissesAnExpiry) {
  Load("k\tv\n");
  const ExitResult verify = Cubby({"verify", "--escaped"}, "k\tv\texpires=32503680000\n");
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_EQ(verify.err,
            "cubby: line 1: 'k' never expires, but does so by the line\n"
            "cubby: verified 0 entries, 1 line different\n");
}

}  // namespace
}  // namespace cubby::test
