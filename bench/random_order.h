// Random orders of entries, the same in every run.
#ifndef CUBBY_BENCH_RANDOM_ORDER_H_
#define CUBBY_BENCH_RANDOM_ORDER_H_

#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace cubby::bench {

// Returns which entry is next after each, on a random cycle through all of them (Sattolo's
// shuffle). REQUIRES: entries > 0.
inline std::vector<uint32_t> RandomCycle(uint32_t entries) {
  std::vector<uint32_t> next(entries);
  std::iota(next.begin(), next.end(), 0);
  std::mt19937_64 random(1);
  for (uint32_t i = entries - 1; i > 0; --i) {
    std::swap(next[i], next[std::uniform_int_distribution<uint32_t>(0, i - 1)(random)]);
  }
  return next;
}

// Picks entries at random, each in a few cycles of the processor.
class Picker {
 public:
  // Another seed, another order.
  explicit Picker(uint64_t entries, uint64_t seed = 42) : entries_(entries), state_(seed) {}
  // In [0, entries), equally likely as far as a benchmark can tell.
  uint64_t Next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 32) * entries_ >> 32;
  }

 private:
  const uint64_t entries_;  // fewer than 2^32
  uint64_t state_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_RANDOM_ORDER_H_
