#include "bench/peers/effort.h"

#include "bench/key.h"

namespace cubby::bench {
namespace {

constexpr uint32_t kValueBytes[] = {8, 64, 1024, 65536};

// Sorts the stores of all value sizes with these numbers of entries into those that fit and those
// that do not.
void ChooseStores(const std::vector<uint32_t>& entries, Effort* effort) {
  for (const uint32_t value_bytes : kValueBytes) {
    for (const uint32_t count : entries) {
      const bool fits = (sizeof(Key) + value_bytes) * uint64_t{count} <= effort->most_bytes;
      (fits ? effort->stores : effort->left_out).push_back({value_bytes, count});
    }
  }
}

}  // namespace

Effort WholeEffort() {
  Effort effort;
  // All peers have their stores in memory at the same time, each up to twice as large.
  effort.most_bytes = uint64_t{1250} << 20;
  effort.shared_entries = 1'000'000;
  effort.turns = absl::Seconds(3);
  effort.task = absl::Milliseconds(300);
  effort.rounds = 6;
  ChooseStores({10'000, 100'000, 1'000'000, 8'000'000}, &effort);
  return effort;
}

Effort QuickEffort() {
  Effort effort;
  effort.most_bytes = uint64_t{70} << 20;
  effort.shared_entries = 10'000;
  effort.turns = absl::Milliseconds(60);
  effort.task = absl::Milliseconds(20);
  effort.rounds = 2;
  ChooseStores({1'000, 10'000, 100'000}, &effort);
  return effort;
}

}  // namespace cubby::bench
