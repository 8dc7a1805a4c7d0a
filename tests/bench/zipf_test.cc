#include "bench/zipf.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace cubby::bench {
namespace {

constexpr int kDraws = 1'000'000;

// How often each of `entries` ranks was drawn.
std::vector<int> Draw(uint64_t entries, double exponent) {
  std::vector<int> counts(entries);
  Zipf zipf(entries, exponent);
  std::mt19937_64 random(7);
  for (int i = 0; i < kDraws; ++i) ++counts.at(zipf.Next(random));
  return counts;
}

TEST(ZipfTest, RanksAreDrawnAsOftenAsTheLawSays) {
  for (const double exponent : {0.5, 0.99, 1.5}) {
    for (const uint64_t entries : {1u, 2u, 10u, 1000u}) {
      const std::vector<int> counts = Draw(entries, exponent);
      double sum = 0;
      for (uint64_t rank = 0; rank < entries; ++rank) sum += std::pow(rank + 1.0, -exponent);
      for (uint64_t rank = 0; rank < entries; ++rank) {
        const double expected = kDraws * std::pow(rank + 1.0, -exponent) / sum;
        // Six standard deviations: none of these 3,000 counts is further off by chance.
        EXPECT_NEAR(counts[rank], expected, 6 * std::sqrt(expected) + 1)
            << "rank " << rank << " of " << entries << ", exponent " << exponent;
      }
    }
  }
}

TEST(ZipfTest, ReachesTheEndsOfALargeRange) {
  constexpr uint64_t kEntries = 8'000'000;
  Zipf zipf(kEntries, 0.99);
  std::mt19937_64 random(7);
  uint64_t first = 0, last_tenth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t rank = zipf.Next(random);
    ASSERT_LT(rank, kEntries);
    first += rank == 0;
    last_tenth += rank >= kEntries - kEntries / 10;
  }
  // Of the sum of 1 / r^0.99, which is about 17.80: 1, and 0.1234.
  EXPECT_NEAR(first / 1e6, 1 / 17.80, 0.002);
  EXPECT_NEAR(last_tenth / 1e6, 0.1234 / 17.80, 0.001);
}

}  // namespace
}  // namespace cubby::bench
