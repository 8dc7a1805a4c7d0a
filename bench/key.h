// The benchmarks' keys: 16 bytes that follow from the entry's number by arithmetic alone, so that
// no memory but the table's is touched to make one.
#ifndef CUBBY_BENCH_KEY_H_
#define CUBBY_BENCH_KEY_H_

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"

namespace cubby::bench {

// 64 bits that look random and stand for entry `i`; different for every i (splitmix64's last step,
// which is one-to-one).
inline uint64_t TokenOf(uint64_t i) {
  uint64_t token = (i + 1) * 0x9e3779b97f4a7c15;
  token = (token ^ token >> 30) * 0xbf58476d1ce4e5b9;
  token = (token ^ token >> 27) * 0x94d049bb133111eb;
  return token ^ token >> 31;
}

// Tokens of entries that are in no store of a benchmark: TokenOf(kAbsent + i).
inline constexpr uint64_t kAbsent = uint64_t{1} << 40;

struct Key {
  explicit Key(uint64_t token) : words{token, ~token} {}
  absl::string_view view() const { return {reinterpret_cast<const char*>(words), sizeof(words)}; }
  friend bool operator==(const Key& a, const Key& b) {
    return a.words[0] == b.words[0] && a.words[1] == b.words[1];
  }
  template <typename H>
  friend H AbslHashValue(H h, const Key& key) {
    return H::combine(std::move(h), key.words[0], key.words[1]);
  }
  uint64_t words[2];
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_KEY_H_
