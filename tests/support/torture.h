// How much a long test does, and how it tells what it has seen. In a build's tests it does what
// fits there; with CUBBY_TORTURE set in the environment, as tools/torture does, all that is
// promised in docs/reliability.md.
#ifndef CUBBY_TESTS_SUPPORT_TORTURE_H_
#define CUBBY_TESTS_SUPPORT_TORTURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace cubby::test {

// `whole` if CUBBY_TORTURE is set, else `usual`.
uint64_t Amount(uint64_t usual, uint64_t whole);

// Prints "RESULT what: figure value, figure value ...", one line, which tools/torture puts into its
// table.
void Report(absl::string_view what,
            const std::vector<std::pair<absl::string_view, std::string>>& figures);

// The `fraction` (0 to 1) of `samples` is no larger than this. REQUIRES: there are samples.
double Percentile(std::vector<double> samples, double fraction);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_TORTURE_H_
