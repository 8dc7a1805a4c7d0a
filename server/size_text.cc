#include "server/size_text.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cubby::server {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t bytes;
};
constexpr Unit kUnits[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"KiB", uint64_t{1} << 10},
    {"MiB", uint64_t{1} << 20},
    {"GiB", uint64_t{1} << 30},
    {"TiB", uint64_t{1} << 40},
};

}  // namespace

absl::StatusOr<uint64_t> ParseSize(absl::string_view option, absl::string_view text) {
  const size_t digits =
      std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit) - text.begin();
  uint64_t number;
  if (absl::SimpleAtoi(text.substr(0, digits), &number)) {
    for (const Unit& unit : kUnits) {
      if (!absl::EqualsIgnoreCase(text.substr(digits), unit.name)) continue;
      if (number > ~uint64_t{0} / unit.bytes) break;
      return number * unit.bytes;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("bad size '", text, "' for ", option, ": write it like 4096, 64KiB or 1MB"));
}

std::string SizeText(uint64_t bytes) {
  constexpr absl::string_view kNames[] = {"", "KiB", "MiB", "GiB", "TiB"};
  const absl::string_view* name = kNames;
  while (bytes != 0 && bytes % 1024 == 0 && name + 1 != std::end(kNames)) {
    bytes /= 1024;
    ++name;
  }
  return absl::StrCat(bytes, *name);
}

}  // namespace cubby::server
