// Keys, and self-checking values: a torn value, a mix of two values or another key's value is
// detected.
#ifndef CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_
#define CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cubby::test {

// Returns "key" followed by the number.
std::string KeyOf(uint64_t i);

// Returns a value of 24 to `max_bytes` bytes for `key`: its number and length, a checksum of the
// whole, and bytes derived from key and number. Different numbers give different values and
// lengths.
std::string CheckedValue(absl::string_view key, uint64_t number, size_t max_bytes);

// Returns true if `value` is a whole CheckedValue of `key`, and stores its number in *number.
bool IsCheckedValue(absl::string_view key, absl::string_view value, uint64_t* number = nullptr);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_CHECKED_VALUE_H_
