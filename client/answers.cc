#include "client/answers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/property.h"
#include "base/stats.h"
#include "base/status_macros.h"

namespace cubby {
namespace {

absl::Status CheckName(absl::string_view name) {
  const bool proper = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  });
  if (proper) return absl::OkStatus();
  return absl::InternalError(
      "the daemon's answer has a name that is not of a-z, 0-9 and '_': update cubbyd");
}

NumberKind KindOf(control::Number::Kind kind) {
  switch (kind) {
    case control::Number::COUNTER:
      return NumberKind::kCounter;
    case control::Number::GAUGE:
      return NumberKind::kGauge;
    default:
      return NumberKind::kUnknown;
  }
}

// Sets the member of *stats that is called as `number` is, if there is one.
template <typename Stats, size_t kCount>
void SetField(const StatsField<Stats> (&fields)[kCount], const Number& number, Stats* stats) {
  for (const StatsField<Stats>& field : fields) {
    if (number.name == field.name) stats->*field.value = number.value;
  }
}

}  // namespace

absl::StatusOr<DaemonInfo> InfoFrom(const control::InfoResponse& answer) {
  DaemonInfo info;
  info.store = answer.store();
  info.version = answer.version();
  info.pid = answer.pid();
  info.uptime = absl::Seconds(answer.uptime_seconds());
  for (const control::Property& sent : answer.properties()) {
    RETURN_IF_ERROR(CheckName(sent.name()));
    Property property;
    property.name = sent.name();
    if (sent.has_number()) {
      property.value = sent.number();
    } else {
      property.value = sent.text();
    }
    property.unit = sent.unit();
    property.help = sent.help();
    info.properties.push_back(std::move(property));
  }
  return info;
}

absl::StatusOr<DaemonStats> StatsFrom(const control::StatsResponse& answer) {
  DaemonStats stats;
  for (const control::Number& sent : answer.numbers()) {
    RETURN_IF_ERROR(CheckName(sent.name()));
    Number number;
    number.name = sent.name();
    number.kind = KindOf(sent.kind());
    number.unit = sent.unit();
    number.help = sent.help();
    number.value = sent.value();
    SetField(kStoreStatsFields, number, &stats.store);
    SetField(kDaemonStatsFields, number, &stats.daemon);
    stats.numbers.push_back(std::move(number));
  }
  return stats;
}

}  // namespace cubby
