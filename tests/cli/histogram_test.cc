#include "cli/histogram.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace cubby::cli {
namespace {

TEST(HistogramTest, EmptyHasNothingToSay) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.Percentile(0.5), 0u);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.Percentile(0), 1u);
  EXPECT_EQ(histogram.Percentile(0.5), 50u);
  EXPECT_EQ(histogram.Percentile(0.99), 99u);
  EXPECT_EQ(histogram.Percentile(1), 100u);
}

TEST(HistogramTest, LargeValuesAreRoundedUpByAtMostOneIn64) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{12345}}) {
      const uint64_t value = (uint64_t{1} << shift) + offset;
      Histogram histogram;
      histogram.Add(value);
      histogram.Add(~uint64_t{0});  // so that the greatest value does not cap the answer
      EXPECT_GE(histogram.Percentile(0.5), value);
      EXPECT_LE(histogram.Percentile(0.5), value + value / 64);
    }
  }
}

TEST(HistogramTest, GreatestValueIsExact) {
  Histogram histogram;
  histogram.Add(~uint64_t{0});
  histogram.Add(1'000'003);
  EXPECT_EQ(histogram.max(), ~uint64_t{0});
  EXPECT_EQ(histogram.Percentile(1), ~uint64_t{0});
}

TEST(HistogramTest, MergedIsAsIfOneHadAllValues) {
  Histogram low;
  Histogram high;
  for (int i = 0; i < 90; ++i) low.Add(10);
  for (int i = 0; i < 10; ++i) high.Add(100);
  low.Merge(high);
  EXPECT_EQ(low.count(), 100u);
  EXPECT_EQ(low.max(), 100u);
  EXPECT_EQ(low.Percentile(0.9), 10u);
  EXPECT_EQ(low.Percentile(0.91), 100u);
}

}  // namespace
}  // namespace cubby::cli
