// What a share of samples does not exceed.
#ifndef CUBBY_BENCH_QUANTILE_H_
#define CUBBY_BENCH_QUANTILE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace cubby::bench {

// The sample that `fraction` (0 to 1) of the way through them, in order: 0.5 gives the median (of
// an even number, the upper of the middle two). REQUIRES: there are samples.
inline double Quantile(std::vector<double> samples, double fraction) {
  const auto rank = static_cast<size_t>(fraction * static_cast<double>(samples.size()));
  const auto at = samples.begin() + std::min(rank, samples.size() - 1);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_QUANTILE_H_
