// dump, and load and verify of dumps, as a user runs them.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"

namespace cubby::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The lines in an order of their own, with expiries to the second: on Windows they are not exact.
std::vector<std::string> SortedLines(const std::string& scanned) {
  std::vector<std::string> lines = absl::StrSplit(scanned, '\n');
  for (std::string& line : lines) {
    const size_t expiry = line.find("\texpires=");
    if (expiry != std::string::npos) line.resize(line.find('.', expiry));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

class CliDumpTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "1000"})); }

  void Load(const std::string& lines) {
    const ExitResult load = Cubby({"load", "--escaped"}, lines);
    ASSERT_EQ(load.exit_code, 0) << load.err;
  }
  void Flush() { ASSERT_EQ(Cubby({"flush"}).exit_code, 0); }

  // The lines of a dump of three entries, in no particular order.
  std::vector<std::string> DumpOfThree() {
    Load("a\t1\nb\t2\nc\t3\n");
    std::vector<std::string> lines = absl::StrSplit(Cubby({"dump"}).out, '\n');
    EXPECT_EQ(lines.size(), 6u);
    lines.resize(6);
    return lines;
  }
};

TEST_F(CliDumpTest, DumpOfAnEmptyStoreLoads) {
  const std::string dump = Cubby({"dump"}).out;
  EXPECT_EQ(dump, "cubby-dump 1\ncubby-dump-end 0\n");
  EXPECT_EQ(Cubby({"load"}, dump).out, "loaded 0 entries\n");
}

TEST_F(CliDumpTest, ALineIsThatOfScanWithRevisionAndChecksum) {
  Load("two\\nlines\tv\\\\\texpires=4102444810.5\n");
  const auto json = ParseJson(Cubby({"scan", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  const std::vector<std::string> lines = absl::StrSplit(Cubby({"dump"}).out, '\n');
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[1], StartsWith("two\\nlines\tv\\\\\texpires=410244481"));
  EXPECT_THAT(lines[1],
              HasSubstr(absl::StrCat("\trevision=", json->at(0).at("revision").get<uint64_t>(),
                                     "\txxh32=")));
  EXPECT_EQ(lines[2], "cubby-dump-end 1");
}

TEST_F(CliDumpTest, TheChecksumIsXxh32OfTheLineBeforeIt) {
  // printf 'k\tv\trevision=1' | xxhsum -H32
  const ExitResult load =
      Cubby({"load"}, "cubby-dump 1\nk\tv\trevision=1\txxh32=9147da55\ncubby-dump-end 1\n");
  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(CliDumpTest, DumpAndLoadRoundTripBytesAndExpiries) {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string hex = absl::StrCat("\\x", absl::Hex(byte, absl::kZeroPad2));
    absl::StrAppend(&lines, "key", hex, "\t", hex, "value", hex,
                    byte % 2 == 0 ? "" : "\texpires=4102444810.5", "\n");
  }
  absl::StrAppend(&lines, "long\t", std::string(100'000, 'v'), "\n", std::string(5'000, 'k'),
                  "\tv\nempty\t\n");
  Load(lines);
  const std::string dump = Cubby({"dump"}).out;
  const std::string scanned = Cubby({"scan"}).out;
  Flush();

  const ExitResult load = Cubby({"load"}, dump);

  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_EQ(load.out, "loaded 259 entries\n");
  EXPECT_EQ(SortedLines(Cubby({"scan"}).out), SortedLines(scanned));
  EXPECT_EQ(Cubby({"verify"}, dump).out, "verified 259 entries\n");
}

TEST_F(CliDumpTest, LoadKnowsADumpWithLineEndsOfWindows) {
  const std::string dump =
      absl::StrReplaceAll(absl::StrJoin(DumpOfThree(), "\n"), {{"\n", "\r\n"}});
  Flush();
  EXPECT_EQ(Cubby({"load", "--escaped"}, dump).out, "loaded 3 entries\n");
}

TEST_F(CliDumpTest, WhatHasExpiredIsLeftOut) {
  const ExitResult load =
      Cubby({"load"},
            "cubby-dump 1\nold\tv\texpires=1700000000.5\trevision=1\txxh32=94fe77b6\n"
            "cubby-dump-end 1\n");
  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_EQ(load.out, "loaded 0 entries, 1 had expired\n");
}

TEST_F(CliDumpTest, ChangedByteIsFoundInItsLine) {
  const std::vector<std::string> lines = DumpOfThree();
  for (size_t at = 0; at < lines[2].size(); ++at) {
    std::vector<std::string> damaged = lines;
    damaged[2][at] = static_cast<char>(damaged[2][at] ^ 1);
    const ExitResult load = Cubby({"load"}, absl::StrJoin(damaged, "\n"));
    EXPECT_EQ(load.exit_code, 2) << damaged[2];
    EXPECT_THAT(load.err, StartsWith("cubby: line 3: the line of the dump is damaged: "));
    EXPECT_THAT(load.err, EndsWith("; loaded 1 entry before it\n"));
  }
}

TEST_F(CliDumpTest, KeepGoingLeavesOutDamagedLines) {
  std::vector<std::string> lines = DumpOfThree();
  Flush();
  lines[2] = "x" + lines[2];
  const ExitResult load = Cubby({"load", "--keep-going"}, absl::StrJoin(lines, "\n"));
  EXPECT_EQ(load.exit_code, 1);
  EXPECT_EQ(
      load.err,
      "cubby: line 3: the line of the dump is damaged: its checksum is not that of its bytes\n"
      "cubby: loaded 2 entries, 1 line failed\n");
}

TEST_F(CliDumpTest, LostLinesAreFound) {
  std::vector<std::string> lines = DumpOfThree();
  lines.erase(lines.begin() + 2);
  for (const char* command : {"load", "verify"}) {
    const ExitResult result = Cubby({command}, absl::StrJoin(lines, "\n"));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(
        result.err,
        HasSubstr("line 4: the dump is incomplete: it has 2 lines, its last line states 3"));
  }
}

TEST_F(CliDumpTest, AnEndThatIsMissingIsFound) {
  const std::string dump = absl::StrJoin(DumpOfThree(), "\n");
  for (const size_t end : {dump.find("cubby-dump-end"), dump.find("cubby-dump-end") - 3}) {
    const ExitResult load = Cubby({"load", "--keep-going"}, dump.substr(0, end));
    EXPECT_EQ(load.exit_code, 1);
    EXPECT_THAT(load.err, HasSubstr("line 5: the dump is incomplete: its last line, cubby-dump-end "
                                    "with the number of entries, is missing"));
  }
}

TEST_F(CliDumpTest, JoinedDumpsLoad) {
  const std::string dump = absl::StrJoin(DumpOfThree(), "\n");
  EXPECT_EQ(Cubby({"load"}, dump + dump).out, "loaded 6 entries\n");
  const ExitResult behind = Cubby({"load"}, dump + "k\tv\n");
  EXPECT_EQ(behind.exit_code, 2);
  EXPECT_THAT(behind.err, HasSubstr("line 6: a line behind the end of the dump"));
}

TEST_F(CliDumpTest, LinesWithoutTheFirstOneAreRefused) {
  const std::vector<std::string> lines = DumpOfThree();
  const ExitResult load = Cubby({"load"}, lines[1] + "\n");
  EXPECT_EQ(load.exit_code, 2);
  EXPECT_THAT(load.err,
              HasSubstr("line 1: the line is one of `cubby dump`: give all of its output"));
  EXPECT_EQ(Cubby({"load", "--escaped"}, lines[1] + "\n").exit_code, 2);
}

TEST_F(CliDumpTest, AnotherVersionIsRefused) {
  const ExitResult load = Cubby({"load", "--keep-going"}, "cubby-dump 2\nk\tv\n");
  EXPECT_EQ(load.exit_code, 6);
  EXPECT_EQ(load.err,
            "cubby: line 1: a dump of version '2': this cubby reads version 1; loaded 0 entries "
            "before it\n");
}

TEST_F(CliDumpTest, AKeyMayLookLikeAFirstLine) {
  Load("cubby-dump 1\tv\ncubby-dump-end 7\tw\n");
  const std::string dump = Cubby({"dump"}).out;
  EXPECT_EQ(Cubby({"load"}, dump).out, "loaded 2 entries\n");
  EXPECT_EQ(Cubby({"load"}, "cubby-dump 1\tv\n").out, "loaded 1 entry\n");
}

TEST_F(CliDumpTest, PrefixChoosesEntries) {
  Load("user:1\ta\nuser:2\tb\nuse\tc\n");
  const std::string dump = Cubby({"dump", "--prefix", "user:"}).out;
  EXPECT_THAT(dump, EndsWith("\ncubby-dump-end 2\n"));
  Flush();
  EXPECT_EQ(Cubby({"load"}, dump).out, "loaded 2 entries\n");
  EXPECT_EQ(Cubby({"count", "--prefix", "user:"}).out, "2\n");
}

TEST_F(CliDumpTest, VerifyComparesADump) {
  const std::string dump = absl::StrJoin(DumpOfThree(), "\n");
  ASSERT_EQ(Cubby({"put", "b", "other"}).exit_code, 0);
  ASSERT_EQ(Cubby({"del", "c"}).exit_code, 0);
  const ExitResult verify = Cubby({"verify"}, dump);
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.err, HasSubstr("the value of 'b' differs at byte 0"));
  EXPECT_THAT(verify.err, HasSubstr("no such key 'c'"));
  EXPECT_THAT(verify.err, EndsWith("cubby: verified 1 entry, 2 lines different\n"));
}

}  // namespace
}  // namespace cubby::test
