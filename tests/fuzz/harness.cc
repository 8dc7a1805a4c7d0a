#include "tests/fuzz/harness.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace cubby::fuzz {

void Require(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", std::string(what).c_str());
  std::abort();
}

}  // namespace cubby::fuzz
