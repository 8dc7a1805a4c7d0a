// Rules for store names, the same on every system.
#ifndef CUBBY_BASE_STORE_NAME_H_
#define CUBBY_BASE_STORE_NAME_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::base {

inline constexpr size_t kMaxStoreNameBytes = 64;

// Returns OK for 1 to 64 of a-z, 0-9, '-' and '_'; InvalidArgument otherwise.
//
// Capitals are invalid because Windows pipe names ignore case: "Jobs" and "jobs" would be two
// stores on Linux and one on Windows. A dot is invalid because it separates the name from suffixes
// ("cubby.NAME.lock", "cubby.NAME.1").
absl::Status ValidateStoreName(absl::string_view name);

// A generation of a store, as the name of its mapping has it: "NAME" for generation 0, else
// "NAME.3".
struct GenerationOfStore {
  std::string store;
  uint64_t number;
};
// nullopt if no mapping has that name.
absl::optional<GenerationOfStore> ParseGenerationName(absl::string_view name);

}  // namespace cubby::base

#endif  // CUBBY_BASE_STORE_NAME_H_
