// A named value that describes itself, such as a store's slot size. A program finds those it knows
// by name and prints the others.
#ifndef CUBBY_BASE_PROPERTY_H_
#define CUBBY_BASE_PROPERTY_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby {

struct Property {
  std::string name;  // a-z, 0-9 and '_'
  std::variant<uint64_t, std::string> value;
  std::string unit;  // of a number; empty: none
  std::string help;  // what it is, in a line
};

// Returns the value of the number `name`; nothing if there is none.
inline absl::optional<uint64_t> NumberIn(const std::vector<Property>& properties,
                                         absl::string_view name) {
  for (const Property& property : properties) {
    const auto* const number = std::get_if<uint64_t>(&property.value);
    if (property.name == name && number != nullptr) return *number;
  }
  return absl::nullopt;
}

}  // namespace cubby

#endif  // CUBBY_BASE_PROPERTY_H_
