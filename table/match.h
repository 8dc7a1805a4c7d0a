// Which ways of a bucket a key may be in: those whose tag is the key's.
#ifndef CUBBY_TABLE_MATCH_H_
#define CUBBY_TABLE_MATCH_H_

#include <atomic>
#include <cstdint>

#include "table/bytes.h"
#include "table/hash.h"
#include "table/table.h"

namespace cubby::table {

// A bit for each of the kMaxWays `tags` that is `tag`.
inline uint32_t MatchTags(const std::atomic<uint8_t>* tags, uint8_t tag) {
#if defined(CUBBY_TABLE_X86_COPY)
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
  const __m128i row = LoadShared16(reinterpret_cast<const char*>(tags));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(row, wanted)));
#else
  uint32_t matches = 0;
  for (uint32_t way = 0; way < kMaxWays; ++way) {
    matches |= uint32_t{tags[way].load(std::memory_order_relaxed) == tag} << way;
  }
  return matches;
#endif
}

// Asks the memory for a slot's first lines, to be read. What follows these, the processor sees
// coming by itself.
inline void PrefetchSlot(const Geometry& geometry, const SlotHead& slot) {
  const auto* bytes = reinterpret_cast<const char*>(&slot);
  __builtin_prefetch(bytes);
  if (geometry.slot_bytes > kLineBytes) __builtin_prefetch(bytes + kLineBytes);
}

// Asks the memory for the slots of a bucket that `tags` say `tag` may be in: its hints, or its
// head's. A wrong one costs time only. False if there are none.
inline bool PrefetchSlots(const Geometry& geometry, const Bucket& bucket,
                          const std::atomic<uint8_t>* tags, uint8_t tag) {
  const uint32_t matches = MatchTags(tags, tag) & geometry.ways_mask;
  for (uint32_t ways = matches; ways != 0; ways &= ways - 1) {
    PrefetchSlot(geometry, bucket.slot(static_cast<uint32_t>(__builtin_ctz(ways))));
  }
  return matches != 0;
}

// Asks the memory for a bucket's head and slots at once, for a key that is looked up next: they
// come in one wait and not one after the other. The hints, which are dense, tell which slots.
inline void PrefetchLookup(const Table& table, uint64_t index, uint8_t tag) {
  const Bucket bucket = table.bucket(index);
  __builtin_prefetch(&bucket.head());
  PrefetchSlots(table.geometry(), bucket, table.hints(index).tags, tag);
}
// The same for a key of which nothing is known but its hash.
inline void PrefetchLookup(const Table& table, uint64_t hash) {
  PrefetchLookup(table, HomeBucket(hash, table.geometry().bucket_count), TagOf(hash));
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_MATCH_H_
