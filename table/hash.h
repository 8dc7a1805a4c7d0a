// The hash of a key, and what is derived from it: home bucket, tag and overflow class.
//
// The hash is XXH3 (64 bits, seeded per store). It is part of the layout and never changes, unlike
// absl::Hash, because all processes of a store must agree on it. The high bits select the bucket
// (multiply-shift, Lemire 2016), the low 8 bits are the tag, bits 32 to 35 the overflow class.
#ifndef CUBBY_TABLE_HASH_H_
#define CUBBY_TABLE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cubby::table {

inline uint64_t HashKey(absl::string_view key, uint64_t seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

inline uint64_t HomeBucket(uint64_t hash, uint64_t bucket_count) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * bucket_count >> 64);
}
inline uint8_t TagOf(uint64_t hash) { return static_cast<uint8_t>(hash); }
inline uint32_t OverflowClass(uint64_t hash) { return static_cast<uint32_t>(hash >> 32 & 15); }

}  // namespace cubby::table

#endif  // CUBBY_TABLE_HASH_H_
