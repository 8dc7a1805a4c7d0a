#include "tests/support/json.h"

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cubby::test {

using nlohmann::json;

absl::StatusOr<json> ParseJson(absl::string_view text) {
  std::vector<std::set<std::string>> open_objects;  // the names of their members so far
  std::string twice;
  // The library itself keeps the last of two members of one name.
  const auto note_members = [&](int, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key) {
      const auto name = parsed.get<std::string>();
      if (!open_objects.back().insert(name).second) twice = name;
    }
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), note_members);
    if (!twice.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("two members '", twice, "': ", text));
    }
    return value;
  } catch (const json::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(error.what(), ": ", text));
  }
}

}  // namespace cubby::test
