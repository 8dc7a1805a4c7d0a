// Rows of the report: what was measured of each that takes part in one work at one store.
#ifndef CUBBY_BENCH_PEERS_ROWS_H_
#define CUBBY_BENCH_PEERS_ROWS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cubby::bench {

struct Row {
  double ns;
  std::vector<std::pair<std::string, double>> counters;
};

// By the name of a peer or another contestant (works.h).
using Rows = std::map<std::string, Row>;

// Ends the name of a peer that opens a store to get only.
inline constexpr char kReadOnly[] = "_read_only";

// Rows of single times in ns, by name: the medians, with low_ns and high_ns. REQUIRES: each has
// some.
Rows MediansOf(const std::map<std::string, std::vector<double>>& samples);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_ROWS_H_
