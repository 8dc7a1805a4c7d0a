// Keys, and values that tell when they are torn, stale in part or another key's.
#ifndef CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_
#define CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cubby::test {

// "key" and the number.
std::string KeyOf(uint64_t i);

// A value of 24 to `max_bytes` bytes for `key`: its number and length, a checksum of all, and bytes
// that follow from both. Every number gives another value, and another length.
std::string CheckedValue(absl::string_view key, uint64_t number, size_t max_bytes);

// Whether `value` is, whole, some CheckedValue of `key`; *number tells which.
bool IsCheckedValue(absl::string_view key, absl::string_view value, uint64_t* number = nullptr);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_
