// Amount of work and report format of long tests. By default a test does a part of the work; with
// CUBBY_TORTURE set in the environment, as tools/torture sets it, the full amount stated in
// docs/reliability.md.
#ifndef CUBBY_TESTS_SUPPORT_TORTURE_H_
#define CUBBY_TESTS_SUPPORT_TORTURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace cubby::test {

// Returns `whole` if CUBBY_TORTURE is set, else `usual`.
uint64_t Amount(uint64_t usual, uint64_t whole);

// Prints one line "RESULT what: figure value, figure value ...", which tools/torture collects in
// its table.
void Report(absl::string_view what,
            const std::vector<std::pair<absl::string_view, std::string>>& figures);

// Returns the value that `fraction` (0 to 1) of `samples` do not exceed. REQUIRES: samples is not
// empty.
double Percentile(std::vector<double> samples, double fraction);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_TORTURE_H_
