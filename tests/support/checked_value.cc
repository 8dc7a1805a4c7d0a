#include "tests/support/checked_value.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/str_cat.h"

namespace cubby::test {
namespace {

constexpr size_t kHeadBytes = 24;  // checksum, number, length

uint64_t Checksum(absl::string_view key, absl::string_view value) {
  const uint64_t seed = XXH3_64bits(key.data(), key.size());
  return XXH3_64bits_withSeed(value.data() + 8, value.size() - 8, seed);
}

uint64_t Mix(uint64_t x) {
  x *= 0x9e3779b97f4a7c15;
  return x ^ x >> 32;
}

}  // namespace

std::string KeyOf(uint64_t i) { return absl::StrCat("key", i); }

std::string CheckedValue(absl::string_view key, uint64_t number, size_t max_bytes) {
  const size_t span = max_bytes > kHeadBytes ? max_bytes - kHeadBytes + 1 : 1;
  const uint64_t length = kHeadBytes + Mix(number) % span;
  std::string value(length, '\0');
  std::memcpy(&value[8], &number, 8);
  std::memcpy(&value[16], &length, 8);
  uint64_t state = number;
  for (size_t at = kHeadBytes; at < length; at += 8) {
    state = Mix(state + at);
    std::memcpy(&value[at], &state, std::min<size_t>(8, length - at));
  }
  const uint64_t checksum = Checksum(key, value);
  std::memcpy(&value[0], &checksum, 8);
  return value;
}

bool IsCheckedValue(absl::string_view key, absl::string_view value, uint64_t* number) {
  if (value.size() < kHeadBytes) return false;
  uint64_t head[3];
  std::memcpy(head, value.data(), sizeof(head));
  if (number != nullptr) *number = head[1];
  return head[2] == value.size() && head[0] == Checksum(key, value);
}

}  // namespace cubby::test
