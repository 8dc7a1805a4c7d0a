// What the report tells besides its rows.
#ifndef CUBBY_BENCH_PEERS_DESCRIPTION_H_
#define CUBBY_BENCH_PEERS_DESCRIPTION_H_

#include "bench/peers/effort.h"

namespace cubby::bench {

// Adds to the benchmarks' context: each peer's settings, the peers that are absent, the stores left
// out and why, and what reading the clock takes.
void Describe(const Effort& effort);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_DESCRIPTION_H_
