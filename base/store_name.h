// What a store may be called, on every system alike.
#ifndef CUBBY_BASE_STORE_NAME_H_
#define CUBBY_BASE_STORE_NAME_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cubby::base {

inline constexpr size_t kMaxStoreNameBytes = 64;

// OK for 1 to 64 of a-z, 0-9, '-' and '_'; InvalidArgument otherwise.
//
// No capitals, because Windows pipe names ignore case: "Jobs" and "jobs" would be two stores on
// Linux and one there. No dot, because a dot parts the name from what is derived from it
// ("cubby.NAME.lock", "cubby.NAME.1").
absl::Status ValidateStoreName(absl::string_view name);

}  // namespace cubby::base

#endif  // CUBBY_BASE_STORE_NAME_H_
