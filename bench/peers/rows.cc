#include "bench/peers/rows.h"

#include "bench/quantile.h"

namespace cubby::bench {

Rows MediansOf(const std::map<std::string, std::vector<double>>& samples) {
  Rows rows;
  for (const auto& [who, times] : samples) {
    rows[who] = {Quantile(times, 0.5),
                 {{"low_ns", Quantile(times, 0.1)}, {"high_ns", Quantile(times, 0.9)}}};
  }
  return rows;
}

}  // namespace cubby::bench
