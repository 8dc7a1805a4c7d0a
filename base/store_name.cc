#include "base/store_name.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cubby::base {

absl::Status ValidateStoreName(absl::string_view name) {
  bool valid = !name.empty() && name.size() <= kMaxStoreNameBytes;
  for (char c : name) {
    valid = valid && (absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_');
  }
  if (valid) return absl::OkStatus();
  const bool too_long = name.size() > kMaxStoreNameBytes;
  return absl::InvalidArgumentError(
      absl::StrCat("bad store name '", absl::CHexEscape(name.substr(0, kMaxStoreNameBytes)),
                   too_long ? absl::StrCat("...' (", name.size(), " bytes)") : std::string("'"),
                   ": use 1 to ", kMaxStoreNameBytes, " of a-z, 0-9, '-' and '_'"));
}

absl::optional<GenerationOfStore> ParseGenerationName(absl::string_view name) {
  const size_t dot = name.find('.');
  GenerationOfStore parsed = {std::string(name.substr(0, dot)), 0};
  if (!ValidateStoreName(parsed.store).ok()) return absl::nullopt;
  if (dot == absl::string_view::npos) return parsed;
  const absl::string_view number = name.substr(dot + 1);
  // No other spelling of the number is a generation's.
  if (!absl::SimpleAtoi(number, &parsed.number) || parsed.number == 0 ||
      number != absl::StrCat(parsed.number)) {
    return absl::nullopt;
  }
  return parsed;
}

}  // namespace cubby::base
