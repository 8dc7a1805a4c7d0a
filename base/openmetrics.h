// Numbers in the OpenMetrics text format, version 1.0:
// https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
#ifndef CUBBY_BASE_OPENMETRICS_H_
#define CUBBY_BASE_OPENMETRICS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/stats.h"

namespace cubby::base {

// Returns a whole exposition. `numbers` have names of a-z, 0-9 and '_'; of those with the same name
// the first is used. Each becomes a metric family cubby_NAME with one sample, labelled with the
// store's name:
//
//   # TYPE cubby_puts counter
//   # HELP cubby_puts Entries put since the store was created
//   cubby_puts_total{store="sessions"} 3
std::string OpenMetrics(absl::string_view store, const std::vector<Number>& numbers);

}  // namespace cubby::base

#endif  // CUBBY_BASE_OPENMETRICS_H_
