#include "base/openmetrics.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cubby::base {
namespace {

absl::string_view TypeOf(NumberKind kind) {
  switch (kind) {
    case NumberKind::kCounter:
      return "counter";
    case NumberKind::kGauge:
      return "gauge";
    case NumberKind::kUnknown:
      break;
  }
  return "unknown";
}

// `text` within a HELP line or a label's quotes.
std::string Escaped(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '"' || c == '\\') {
      escaped += {'\\', c};
    } else {
      escaped += absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
    }
  }
  return escaped;
}

}  // namespace

std::string OpenMetrics(absl::string_view store, const std::vector<Number>& numbers) {
  std::string text;
  std::set<absl::string_view> seen;
  for (const Number& number : numbers) {
    if (!seen.insert(number.name).second) continue;
    const std::string family = absl::StrCat("cubby_", number.name);
    absl::StrAppend(&text, "# TYPE ", family, " ", TypeOf(number.kind), "\n");
    // The format has no place for a unit that does not end the family's name.
    if (!number.unit.empty() && absl::EndsWith(family, absl::StrCat("_", number.unit))) {
      absl::StrAppend(&text, "# UNIT ", family, " ", number.unit, "\n");
    }
    if (!number.help.empty()) {
      absl::StrAppend(&text, "# HELP ", family, " ", Escaped(number.help), "\n");
    }
    absl::StrAppend(&text, family, number.kind == NumberKind::kCounter ? "_total" : "", "{store=\"",
                    Escaped(store), "\"} ", number.value, "\n");
  }
  absl::StrAppend(&text, "# EOF\n");
  return text;
}

}  // namespace cubby::base
