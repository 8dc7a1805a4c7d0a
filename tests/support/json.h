// A strict reader of JSON (RFC 8259), so that tests do not take the programs' word for what they
// print.
#ifndef CUBBY_TESTS_SUPPORT_JSON_H_
#define CUBBY_TESTS_SUPPORT_JSON_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::test {

struct Json {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  double number = 0;  // 1 for true
  std::string text;   // a string's bytes, escapes undone
  std::vector<Json> elements;
  std::map<std::string, Json> members;

  bool Has(const std::string& member) const { return members.count(member) != 0; }
  // A null if there is no such member.
  const Json& operator[](const std::string& member) const;
};

// InvalidArgument, with the offset, if `text` is not exactly one JSON value between white space.
absl::StatusOr<Json> ParseJson(absl::string_view text);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_JSON_H_
