// trace, as a user runs it.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/gzip.h"
#include "tests/support/json.h"
#include "tests/support/recorded_requests.h"

namespace cubby::test {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A file of those bytes, until the end of its scope.
class File {
 public:
  explicit File(const std::string& bytes, const std::string& suffix = "")
      : path_(std::filesystem::temp_directory_path() /
              absl::StrCat(UniqueStoreName("cubby-trace"), suffix)) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

std::string Numbers(int first, int last) {
  std::string lines;
  for (int number = first; number <= last; ++number) absl::StrAppend(&lines, number, "\n");
  return lines;
}

class CliTraceTest : public DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "100", "--full", "evict"})); }
};

TEST_F(CliTraceTest, CountsRequestsAndMisses) {
  const ExitResult trace = Cubby({"trace", "-"}, "a\nb\na\n");
  EXPECT_EQ(trace.exit_code, 0);
  EXPECT_EQ(trace.out, "requests: 3\nmisses: 2\nmiss_ratio: 0.6667\n");
  EXPECT_EQ(trace.err, "");
  EXPECT_EQ(Cubby({"count"}).out, "2\n");
}

TEST_F(CliTraceTest, PrintsJson) {
  const auto json = ParseJson(Cubby({"trace", "-", "--json", "--against", "lru"}, "a\nb\na\n").out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json, *ParseJson(R"({"requests": 3, "misses": 2, "miss_ratio": 0.666667,
                                  "entries": 100,
                                  "lru": {"misses": 2, "miss_ratio": 0.666667, "to_store": 1.0}})"));
}

TEST_F(CliTraceTest, EmptyTraceHasNoRatio) {
  EXPECT_EQ(Cubby({"trace", "-", "--against", "fifo"}).out,
            "requests: 0\nmisses: 0\nmiss_ratio: none\nentries: 100\n"
            "fifo: misses 0, miss_ratio none, to_store none\n");
  const auto json = ParseJson(Cubby({"trace", "-", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_TRUE(json->at("miss_ratio").is_null());
}

TEST_F(CliTraceTest, AFullStoreMakesRoom) {
  const ExitResult trace = Cubby({"trace", "-", "--value-bytes", "20"}, Numbers(1, 1000));
  EXPECT_EQ(trace.out, "requests: 1000\nmisses: 1000\nmiss_ratio: 1.0000\n") << trace.err;
  EXPECT_EQ(Cubby({"count"}).out, "100\n");
  EXPECT_EQ(Cubby({"get", "1000"}).out, std::string(20, 'v'));
  ExpectSound();
}

TEST_F(CliTraceTest, SimulatesOtherPolicies) {
  // 3 entries: as PoliciesTest.DifferInWhatAHitIsWorth. The store has room for all.
  const ExitResult trace =
      Cubby({"trace", "-", "--against", "sieve,lru,fifo,clock", "--entries", "3"},
            "a\nb\nc\na\nd\ne\nf\na\n");
  EXPECT_EQ(trace.out,
            "requests: 8\nmisses: 6\nmiss_ratio: 0.7500\nentries: 3\n"
            "sieve: misses 6, miss_ratio 0.7500, to_store 1.0000\n"
            "lru: misses 7, miss_ratio 0.8750, to_store 1.1667\n"
            "fifo: misses 7, miss_ratio 0.8750, to_store 1.1667\n"
            "clock: misses 7, miss_ratio 0.8750, to_store 1.1667\n")
      << trace.err;
}

TEST_F(CliTraceTest, SimulatesAsManyEntriesAsTheStoreHas) {
  // A loop of one key more than 100 is what LRU and FIFO always miss.
  const ExitResult trace =
      Cubby({"trace", "-", "--against", "lru"}, Numbers(1, 101) + Numbers(1, 101));
  EXPECT_THAT(trace.out, HasSubstr("\nentries: 100\nlru: misses 202, miss_ratio 1.0000, "));
  const ExitResult fits =
      Cubby({"trace", "-", "--against", "lru"}, Numbers(1, 100) + Numbers(1, 100));
  EXPECT_THAT(fits.out, HasSubstr("\nlru: misses 100, miss_ratio 0.5000, "));
}

TEST_F(CliTraceTest, KeysAreLinesAsTheyAre) {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != '\n') absl::StrAppend(&lines, "k", std::string(1, static_cast<char>(byte)), "k\n");
  }
  EXPECT_EQ(Cubby({"trace", "-"}, lines).out, "requests: 255\nmisses: 255\nmiss_ratio: 1.0000\n");
  ASSERT_EQ(Cubby({"flush"}).exit_code, 0);

  const ExitResult trace = Cubby({"trace", "-"}, "two words\n\t tab\nC:\\dir\n\xff\xfe\nlast\r");
  EXPECT_EQ(trace.err, "");
  for (const char* key : {"two words", "\t tab", "C:\\dir", "last\r"}) {
    EXPECT_EQ(Cubby({"exists", key}).exit_code, 0) << key;
  }
  EXPECT_EQ(Cubby({"exists", "--escaped", "\\xff\\xfe"}).exit_code, 0);
}

TEST_F(CliTraceTest, LineEndsOfWindowsAreNoPartOfAKey) {
  const ExitResult trace = Cubby({"trace", "-"}, "a\r\nb\na\nb\r\n");
  EXPECT_EQ(trace.out, "requests: 4\nmisses: 2\nmiss_ratio: 0.5000\n");
}

TEST_F(CliTraceTest, EmptyLinesAreLeftOutAndSaid) {
  const ExitResult trace = Cubby({"trace", "-"}, "a\n\n\r\na\n\n");
  EXPECT_EQ(trace.exit_code, 0);
  EXPECT_EQ(trace.out, "requests: 2\nmisses: 1\nmiss_ratio: 0.5000\n");
  EXPECT_EQ(trace.err, "cubby: left out 3 empty lines\n");
}

TEST_F(CliTraceTest, LongestKeyIsPlayed) {
  const std::string longest(65'535, 'k');
  const ExitResult trace = Cubby({"trace", "-"}, absl::StrCat(longest, "\r\n", longest, "\n"));
  EXPECT_EQ(trace.out, "requests: 2\nmisses: 1\nmiss_ratio: 0.5000\n") << trace.err;
}

TEST_F(CliTraceTest, KeyOverTheLimitIsNamedByItsLine) {
  for (const size_t length : {65'536, 65'537, 70'000, 5 << 20}) {
    const ExitResult trace =
        Cubby({"trace", "-"}, absl::StrCat("a\nb\n", std::string(length, 'k'), "\nc\n"));
    EXPECT_EQ(trace.exit_code, 4);
    EXPECT_EQ(trace.out, "");
    EXPECT_THAT(trace.err, StartsWith("cubby: line 3: the key has "));
    EXPECT_THAT(trace.err, HasSubstr(" bytes, the limit"));
    EXPECT_THAT(trace.err, EndsWith(": use a shorter key; 2 requests, 2 misses before it\n"));
    ASSERT_EQ(Cubby({"flush"}).exit_code, 0);
  }
}

TEST_F(CliTraceTest, ReadsFilesAndKnowsGzipByItsBytes) {
  const std::string lines = "a\nb\na\n";
  const std::string out = "requests: 3\nmisses: 2\nmiss_ratio: 0.6667\n";
  for (const std::string& bytes : {lines, Gzip(lines), Gzip("a\n") + Gzip("b\na\n")}) {
    for (const char* suffix : {"", ".gz", ".txt"}) {
      const File file(bytes, suffix);
      const ExitResult trace = Cubby({"trace", file.path()});
      EXPECT_EQ(trace.out, out) << trace.err;
      ASSERT_EQ(Cubby({"flush"}).exit_code, 0);
    }
    EXPECT_EQ(Cubby({"trace", "-"}, bytes).out, out);
    ASSERT_EQ(Cubby({"flush"}).exit_code, 0);
  }
}

TEST_F(CliTraceTest, FileThatIsNotThereIsNamed) {
  const ExitResult trace = Cubby({"trace", "no-such-file"});
  EXPECT_EQ(trace.exit_code, 10);
  EXPECT_THAT(trace.err, StartsWith("cubby: cannot open 'no-such-file': "));
  EXPECT_EQ(trace.out, "");
}

TEST_F(CliTraceTest, TruncatedFileIsPlayedToItsEndAndNamed) {
  const std::string whole = Gzip("a\nb\na\n");
  const File file(whole.substr(0, whole.size() - 3));
  const ExitResult trace = Cubby({"trace", file.path()});
  EXPECT_EQ(trace.exit_code, 8);
  EXPECT_EQ(trace.out, "");
  EXPECT_THAT(trace.err, StartsWith("cubby: line 4: '"));
  EXPECT_THAT(trace.err,
              EndsWith(absl::StrCat("' is truncated: its compressed data ends at byte ",
                                    whole.size() - 3, "; 3 requests, 2 misses before it\n")));
}

TEST_F(CliTraceTest, DamagedFileIsNamed) {
  std::string bytes = Gzip("a\nb\na\n");
  bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] ^ 1);  // of the checksum
  const ExitResult trace = Cubby({"trace", "-"}, bytes);
  EXPECT_EQ(trace.exit_code, 8);
  EXPECT_EQ(trace.err,
            absl::StrCat("cubby: line 4: standard input is damaged at byte ", bytes.size() - 4,
                         ": incorrect data check; 3 requests, 2 misses before it\n"));
}

TEST_F(CliTraceTest, SaysThatTheStoreIsNotEmpty) {
  ASSERT_EQ(Cubby({"put", "a", "v"}).exit_code, 0);
  const ExitResult trace = Cubby({"trace", "-"}, "a\nb\n");
  EXPECT_EQ(trace.exit_code, 0);
  EXPECT_EQ(trace.out, "requests: 2\nmisses: 1\nmiss_ratio: 0.5000\n");
  EXPECT_EQ(trace.err, absl::StrCat("cubby: store ", store(),
                                    " already holds 1 entry, which can be hits: `cubby flush` "
                                    "empties it\n"));
}

TEST_F(CliTraceTest, ValuesOfThatLengthArePut) {
  ASSERT_EQ(Cubby({"trace", "-", "--value-bytes", "1000"}, "a\n").exit_code, 0);
  EXPECT_EQ(Cubby({"get", "a"}).out, std::string(1000, 'v'));
  ASSERT_EQ(Cubby({"trace", "-", "--value-bytes", "0"}, "b\n").exit_code, 0);
  EXPECT_EQ(Cubby({"get", "b"}).out, "");
  const ExitResult too_long = Cubby({"trace", "-", "--value-bytes", "2000000"}, "c\n");
  EXPECT_EQ(too_long.exit_code, 4);
  EXPECT_THAT(too_long.err, HasSubstr("line 1: the value has 2000000 bytes, the limit is 1048576"));
}

TEST_F(CliTraceTest, MistakesAreNamed) {
  const struct {
    std::vector<std::string> options;
    std::string error;
  } cases[] = {
      {{"--against", "lru,belady"}, "--against 'belady': the policies are lru, fifo, clock, sieve"},
      {{"--against", "lru,"}, "--against '': the policies are lru, fifo, clock, sieve"},
      {{"--against="}, "--against '': the policies are lru, fifo, clock, sieve"},
      {{"--against", "LRU"}, "--against 'LRU': the policies are lru, fifo, clock, sieve"},
      {{"--against", "lru,fifo,lru"}, "--against names lru twice"},
      {{"--entries", "10"}, "--entries is of the policies that --against names: give both"},
      {{"--entries", "0"},
       "--entries: '0' is not a number from 1 to 2147483647; see cubby trace --help"},
      {{"--value-bytes", "-1"},
       "--value-bytes: '-1' is not a number from 0 to 1073741824; see cubby trace --help"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> arguments = {"trace", "-"};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const ExitResult trace = Cubby(arguments, "a\n");
    EXPECT_EQ(trace.exit_code, 2) << c.error;
    EXPECT_EQ(trace.err, absl::StrCat("cubby: ", c.error, "\n"));
    EXPECT_EQ(trace.out, "");
  }
  EXPECT_EQ(Cubby({"count"}).out, "0\n");
}

TEST_F(CliTraceTest, InterruptedTraceTellsHowFarItGot) {
  SubprocessOptions options;
  options.input = "a\nb\na\nhalf";
  options.hold_input = true;
  options.environment = {{"CUBBY_STORE", store()}};
  auto trace = Subprocess::Start({ProgramPath("cubby"), "trace", "-"}, options);
  ASSERT_TRUE(trace.ok()) << trace.status();
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Cubby({"exists", "b"}).exit_code != 0) ASSERT_LT(absl::Now(), deadline);

  (*trace)->Interrupt();

  const ExitResult result = (*trace)->Wait(absl::Seconds(60));
  EXPECT_NE(result.exit_code, 0);
  // The lines from b's on may not be counted yet.
  EXPECT_THAT(result.err, AnyOf("cubby: interrupted after line 3: 3 requests, 2 misses\n",
                                "cubby: interrupted after line 2: 2 requests, 2 misses\n",
                                "cubby: interrupted after line 2: 2 requests, 1 miss\n",
                                "cubby: interrupted after line 1: 1 request, 1 miss\n"));
}

TEST_F(CliTraceTest, RecordedRequestsMissLessThanLru) {
  if (!HaveRecordedRequests()) GTEST_SKIP() << "there are no traces";
  ASSERT_EQ(StopDaemon().exit_code, 0);
  ASSERT_TRUE(StartDaemon({"--capacity", "2048", "--full", "evict"}));
  const auto json =
      ParseJson(Cubby({"trace", TracePath("web07"), "--against", "lru", "--json"}).out);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->at("requests"), 76'118);
  EXPECT_EQ(json->at("lru").at("misses"), 33'747);
  EXPECT_GT(json->at("lru").at("to_store"), 1.0);
}

class CliTraceOfAFullStoreTest : public DaemonFixture {};

TEST_F(CliTraceOfAFullStoreTest, EndsAtTheFirstKeyWithoutRoom) {
  ASSERT_TRUE(StartDaemon({"--capacity", "10"}));
  EXPECT_EQ(Cubby({"trace", "-"}, Numbers(1, 10) + Numbers(1, 10)).out,
            "requests: 20\nmisses: 10\nmiss_ratio: 0.5000\n");
  const ExitResult trace = Cubby({"trace", "-"}, Numbers(1, 20));
  EXPECT_EQ(trace.exit_code, 4);
  EXPECT_EQ(trace.out, "");
  EXPECT_THAT(trace.err, HasSubstr("\ncubby: line 11: the store is full: it holds 10 entries, its "
                                   "limit: "));
  EXPECT_THAT(trace.err, EndsWith("; cubbyd --full evict makes a store that evicts others instead; "
                                  "10 requests, 0 misses before it\n"));
}

}  // namespace
}  // namespace cubby::test
