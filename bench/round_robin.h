// Measures any number of contestants in one run, so that noise cancels: side_by_side.h says why.
//
//   absl::StatusOr<std::vector<Figures>> figures =
//       RoundRobin({{"cubby", get_from_cubby}, {"lmdb", get_from_lmdb}}, absl::Seconds(1));
#ifndef CUBBY_BENCH_ROUND_ROBIN_H_
#define CUBBY_BENCH_ROUND_ROBIN_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cubby::bench {

// Turns are of a multiple of so many operations: what is sent together, where that is measured.
inline constexpr size_t kBatch = 32;

struct Contestant {
  std::string name;
  // Does that many operations, one after the other.
  std::function<absl::Status(size_t operations)> run;
};

// Of one contestant, over its turns: ns per operation.
struct Figures {
  double ns;        // the median
  double low_ns;    // a tenth of the turns were faster,
  double high_ns;   // and a tenth slower
  double vs_first;  // the median of the ratios to the first contestant's turn in the same round
};

// Lets them take turns of about half a millisecond each (but at least kBatch operations and at most
// 2048), for `time` and at least five rounds, in the order given; some operations before that,
// which do not count, tell how many fill a turn. An operation's error ends it.
absl::StatusOr<std::vector<Figures>> RoundRobin(const std::vector<Contestant>& contestants,
                                                absl::Duration time);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_ROUND_ROBIN_H_
