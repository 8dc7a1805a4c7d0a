#include "tests/support/torture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace cubby::test {

uint64_t Amount(uint64_t usual, uint64_t whole) {
  return std::getenv("CUBBY_TORTURE") != nullptr ? whole : usual;
}

void Report(absl::string_view what,
            const std::vector<std::pair<absl::string_view, std::string>>& figures) {
  const std::string line = absl::StrCat(
      "RESULT ", what, ": ", absl::StrJoin(figures, ", ", absl::PairFormatter(" ")), "\n");
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

double Percentile(std::vector<double> samples, double fraction) {
  const auto at = samples.begin() +
                  static_cast<std::ptrdiff_t>(static_cast<double>(samples.size() - 1) * fraction);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

}  // namespace cubby::test
