// Tag matching and prefetching: finds the ways of a bucket that may hold a key.
#ifndef CUBBY_TABLE_MATCH_H_
#define CUBBY_TABLE_MATCH_H_

#include <atomic>
#include <cstdint>

#include "table/bytes.h"
#include "table/hash.h"
#include "table/table.h"

namespace cubby::table {

// Returns a mask with one bit for each of the kMaxWays `tags` that equals `tag`.
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

// Prefetches the first two lines of a slot for reading. The hardware prefetcher fetches the rest.
inline void PrefetchSlot(const Geometry& geometry, const SlotHead& slot) {
  const auto* bytes = reinterpret_cast<const char*>(&slot);
  __builtin_prefetch(bytes);
  if (geometry.slot_bytes > kLineBytes) __builtin_prefetch(bytes + kLineBytes);
}

// Prefetches the slots of a bucket whose entry in `tags` equals `tag`; `tags` are the hints or
// those of the head. Returns false if there are none. A wrong tag costs time only.
inline bool PrefetchSlots(const Geometry& geometry, const Bucket& bucket,
                          const std::atomic<uint8_t>* tags, uint8_t tag) {
  const uint32_t matches = MatchTags(tags, tag) & geometry.ways_mask;
  for (uint32_t ways = matches; ways != 0; ways &= ways - 1) {
    PrefetchSlot(geometry, bucket.slot(static_cast<uint32_t>(__builtin_ctz(ways))));
  }
  return matches != 0;
}

// Prefetches a bucket's head and the slots that the hints select, so that the look-up that follows
// waits once for both. The hints are dense and mostly cached.
inline void PrefetchLookup(const Table& table, uint64_t index, uint8_t tag) {
  const Bucket bucket = table.bucket(index);
  __builtin_prefetch(&bucket.head());
  PrefetchSlots(table.geometry(), bucket, table.hints(index).tags, tag);
}
// The same for the home bucket of a key, given its hash.
inline void PrefetchLookup(const Table& table, uint64_t hash) {
  PrefetchLookup(table, HomeBucket(hash, table.geometry().bucket_count), TagOf(hash));
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_MATCH_H_
