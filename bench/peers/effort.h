// How much of peer_bench is measured: which stores, and for how long.
#ifndef CUBBY_BENCH_PEERS_EFFORT_H_
#define CUBBY_BENCH_PEERS_EFFORT_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace cubby::bench {

// A store by its size: this many values of this many bytes.
struct StoreSize {
  uint32_t value_bytes;
  uint32_t entries;
};

// The store in which several processes work at once has values of this size.
inline constexpr uint32_t kSharedValueBytes = 64;

struct Effort {
  std::vector<StoreSize> stores;    // those of one value size one behind the other
  std::vector<StoreSize> left_out;  // keys and values alone are more than most_bytes
  uint64_t most_bytes;
  uint32_t shared_entries;  // of the store in which several processes work at once
  absl::Duration turns;     // for all turns of a work
  absl::Duration task;      // for a process, each time
  int rounds;               // how often a process works
};

// For figures: some 15 minutes.
Effort WholeEffort();
// Small stores and few turns, in a minute or two: whether everything works.
Effort QuickEffort();

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_EFFORT_H_
