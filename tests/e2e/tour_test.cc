// The tour of the README, as a newcomer takes it: start, load a list of words, read all of it back
// from several processes at once, measure, stop.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

constexpr int kWords = 20'000;
constexpr absl::Duration kDeadline = absl::Seconds(60);

// Words as keys and their line numbers as values; some words are not ASCII.
std::string WordList() {
  std::string list;
  for (int i = 1; i <= kWords; ++i) {
    absl::StrAppend(&list, i % 100 == 0 ? "\xc3\xa9tude" : "word", i, "'s\t", i, "\n");
  }
  return list;
}

class TourTest : public DaemonFixture {};

TEST_F(TourTest, LoadReadBackFromFourProcessesMeasureStop) {
  ASSERT_TRUE(StartDaemon({"--capacity", absl::StrCat(kWords)}));
  const std::string words = WordList();

  const ExitResult load = Cubby({"load"}, words);
  EXPECT_EQ(load.exit_code, 0) << load.err;
  EXPECT_EQ(load.out, absl::StrCat("loaded ", kWords, " entries\n"));
  EXPECT_EQ(Cubby({"count"}).out, absl::StrCat(kWords, "\n"));

  std::vector<std::unique_ptr<Subprocess>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(StartCubby({"verify"}, words));
    ASSERT_NE(readers.back(), nullptr);
  }
  for (const auto& reader : readers) {
    const ExitResult verify = reader->Wait(kDeadline);
    EXPECT_EQ(verify.exit_code, 0) << verify.err;
    EXPECT_EQ(verify.out, absl::StrCat("verified ", kWords, " entries\n"));
  }

  const ExitResult bench = Cubby({"bench", "--seconds", "100ms"});
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  for (const char* figure : {"p50", "p99", "p99.9", "max", "ops/s"}) {
    EXPECT_THAT(bench.out, HasSubstr(figure));
  }

  const ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out;

  const ExitResult shutdown = Cubby({"shutdown"});
  EXPECT_EQ(shutdown.exit_code, 0) << shutdown.err;
  const ExitResult daemon_end = daemon()->Wait(kDeadline);
  EXPECT_EQ(daemon_end.exit_code, 0) << daemon_end.err;
  EXPECT_EQ(Cubby({"get", "word1's"}).exit_code, 3);
}

}  // namespace
}  // namespace cubby::test
