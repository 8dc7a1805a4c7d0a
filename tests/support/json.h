// A strict JSON parser (RFC 8259), independent of the code that prints JSON.
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
  std::string text;   // the decoded bytes of a string
  std::vector<Json> elements;
  std::map<std::string, Json> members;

  bool Has(const std::string& member) const { return members.count(member) != 0; }
  // Returns a null if there is no such member.
  const Json& operator[](const std::string& member) const;
};

// Returns InvalidArgument, with the offset, unless `text` is one JSON value with optional white
// space around it.
absl::StatusOr<Json> ParseJson(absl::string_view text);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_JSON_H_
