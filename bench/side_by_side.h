// Measures cubby between its floor and its rival, so that noise cancels.
//
// On a machine shared with others the same loop can take twice as long from one second to the next.
// So cubby, the floor and the rival take turns of less than a millisecond each, every turn of
// cubby's is compared with the turns next to it, and what is reported is the median of those
// ratios: a disturbance spoils some of them and not the median.
#ifndef CUBBY_BENCH_SIDE_BY_SIDE_H_
#define CUBBY_BENCH_SIDE_BY_SIDE_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {

// Operations in one turn: at 20 to 500 ns each, 0.04 to 1 ms. That is shorter than the time slices
// of a busy system, so most turns run undisturbed, and long against reading the clock.
inline constexpr size_t kTurn = 2048;

// Runs turns until `state` has enough of them. Each function does that many operations, one after
// the other; `cubby` returns false if one of them failed, which ends the benchmark with an error.
//
// The benchmark's own time is cubby's alone, in ns per operation. Counters, all medians over the
// turns:
//   ns, floor_ns, map_ns  per operation
//   vs_floor              cubby's turn to the mean of the floor's turns before and after it
//   vs_map                cubby's turn to the map's turn after it
void SideBySide(benchmark::State& state, absl::FunctionRef<bool(size_t operations)> cubby,
                absl::FunctionRef<void(size_t operations)> floor,
                absl::FunctionRef<void(size_t operations)> map);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_SIDE_BY_SIDE_H_
