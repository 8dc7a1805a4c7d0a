// Nouns after a count, for messages.
#ifndef CUBBY_BASE_PLURAL_H_
#define CUBBY_BASE_PLURAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace cubby::base {

// Returns the form of a noun that agrees with `count`: `one` for 1, else `many`.
//
//   absl::StrCat("removed ", count, base::OneOrMany(count, " entry", " entries"))
constexpr absl::string_view OneOrMany(uint64_t count, absl::string_view one,
                                      absl::string_view many) {
  return count == 1 ? one : many;
}

}  // namespace cubby::base

#endif  // CUBBY_BASE_PLURAL_H_
