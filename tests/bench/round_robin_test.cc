#include "bench/round_robin.h"

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "bench/quantile.h"
#include "gtest/gtest.h"

namespace cubby::bench {
namespace {

// Takes at least so long for each operation.
std::function<absl::Status(size_t)> Taking(absl::Duration operation) {
  return [operation](size_t operations) {
    const absl::Time end = absl::Now() + operation * operations;
    while (absl::Now() < end) {
    }
    return absl::OkStatus();
  };
}

TEST(QuantileTest, IsTheSampleThatTheFractionDoesNotExceed) {
  EXPECT_EQ(Quantile({3}, 0.5), 3);
  EXPECT_EQ(Quantile({5, 1, 3}, 0.5), 3);
  EXPECT_EQ(Quantile({4, 1, 3, 2}, 0.5), 3);
  EXPECT_EQ(Quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_EQ(Quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_EQ(Quantile({9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 0.1), 1);
  EXPECT_EQ(Quantile({9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 0.9), 9);
}

TEST(RoundRobinTest, GivesNanosecondsOfAnOperationAndRatiosToTheFirst) {
  const auto figures = RoundRobin(
      {{"first", Taking(absl::Microseconds(2))}, {"second", Taking(absl::Microseconds(20))}},
      absl::Milliseconds(20));
  ASSERT_TRUE(figures.ok()) << figures.status();
  ASSERT_EQ(figures->size(), 2u);
  EXPECT_GE((*figures)[0].low_ns, 2000);
  EXPECT_GE((*figures)[0].ns, (*figures)[0].low_ns);
  EXPECT_GE((*figures)[0].high_ns, (*figures)[0].ns);
  EXPECT_EQ((*figures)[0].vs_first, 1);
  EXPECT_GE((*figures)[1].low_ns, 20'000);
  EXPECT_GT((*figures)[1].vs_first, 0);
}

TEST(RoundRobinTest, TakesTurnsOfWholeBatches) {
  std::vector<int> turns;
  size_t fast = 0, slow = 0;
  const auto figures = RoundRobin({{"fast",
                                    [&](size_t operations) {
                                      turns.push_back(0);
                                      fast = operations;
                                      return absl::OkStatus();
                                    }},
                                   {"slow",
                                    [&](size_t operations) {
                                      turns.push_back(1);
                                      slow = operations;
                                      return Taking(absl::Microseconds(50))(operations);
                                    }}},
                                  absl::ZeroDuration());
  ASSERT_TRUE(figures.ok()) << figures.status();
  EXPECT_EQ(fast % kBatch, 0u);
  EXPECT_LE(fast, 2048u);
  EXPECT_EQ(slow, kBatch);
  // Two turns each tell how many operations fill one; then they alternate.
  ASSERT_EQ(turns.size(), 14u);
  for (size_t i = 4; i < turns.size(); ++i) EXPECT_EQ(turns[i], static_cast<int>(i % 2));
}

TEST(RoundRobinTest, ErrorNamesWhoMadeIt) {
  const auto figures =
      RoundRobin({{"good", Taking(absl::ZeroDuration())},
                  {"bad", [](size_t) { return absl::DataLossError("an entry is missing"); }}},
                 absl::ZeroDuration());
  EXPECT_EQ(figures.status(), absl::DataLossError("bad: an entry is missing"));
}

}  // namespace
}  // namespace cubby::bench
