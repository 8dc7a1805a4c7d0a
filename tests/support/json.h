// Reads the JSON that the programs print.
#ifndef CUBBY_TESTS_SUPPORT_JSON_H_
#define CUBBY_TESTS_SUPPORT_JSON_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace cubby::test {

// Returns the value of `text`. InvalidArgument, with the offset, if `text` is not exactly one JSON
// value (RFC 8259) in UTF-8, or if an object in it has two members of one name.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_JSON_H_
