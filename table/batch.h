// Batches: looks up, or prepares, many keys in turns, so that the cache misses of some overlap the
// work on others.
#ifndef CUBBY_TABLE_BATCH_H_
#define CUBBY_TABLE_BATCH_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "table/hash.h"
#include "table/match.h"
#include "table/reader.h"
#include "table/table.h"
#include "table/writer.h"

namespace cubby::table {

// Calls visit(i, hash) for each key, in order, with its bucket and slot prefetched: the state in
// which Reader::GetPrefetched() finds them.
//
// Three stages, each kBehind keys behind the one before, so that a key's head, and then its slot,
// arrive while others are hashed, compared and copied. (Measured at a million entries, ns per key:
// 83 if each of 32 keys passes a stage before the next stage begins; in turns 76 with 4 behind, 57
// with 8, 59 with 12.)
template <typename Visit>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void VisitPrefetched(const Table& table,
                                                         absl::Span<const absl::string_view> keys,
                                                         const Visit& visit) {
  constexpr size_t kBehind = 8;
  constexpr size_t kHashes = 4 * kBehind;  // a power of 2 above 2 * kBehind
  const Geometry& geometry = table.geometry();
  uint64_t hashes[kHashes];
  // Unsigned: a stage that has not reached the first key has an index beyond all keys.
  for (size_t i = 0; i < keys.size() + 2 * kBehind; ++i) {
    if (i < keys.size()) {
      const uint64_t hash = HashKey(keys[i], geometry.hash_seed);
      hashes[i % kHashes] = hash;
      __builtin_prefetch(&table.head(HomeBucket(hash, geometry.bucket_count)));
    }
    if (i - kBehind < keys.size()) {
      const uint64_t hash = hashes[(i - kBehind) % kHashes];
      const uint64_t home = HomeBucket(hash, geometry.bucket_count);
      const Bucket bucket = table.bucket(home);
      // The head has arrived and tells as much as the hints, which are not needed then. It also
      // tells whether the key may live in the next bucket.
      if (!PrefetchSlots(geometry, bucket, bucket.head().tags, TagOf(hash)) &&
          OverflowCount(bucket.head(), OverflowClass(hash)) != 0) {
        PrefetchLookup(table, table.NextBucket(home), TagOf(hash));
      }
    }
    if (i - 2 * kBehind < keys.size()) {
      const size_t at = i - 2 * kBehind;
      visit(at, hashes[at % kHashes]);
    }
  }
}

// How many puts, and how many bytes of keys and values, share one acquisition of the writer lock,
// for which other writers wait. (32 puts take some 3 us.)
inline constexpr size_t kPutsPerBatch = 32;
inline constexpr size_t kPutBytesPerBatch = 64 << 10;

// A part of many puts, prepared without the lock.
class PutBatch {
 public:
  // The puts from `begin` on: as many as kPutsPerBatch and kPutBytesPerBatch allow, and at least
  // one. Hashes their keys and prefetches what they touch. REQUIRES: begin < keys.size() ==
  // values.size().
  PutBatch(const WritableTable& table, absl::Span<const absl::string_view> keys,
           absl::Span<const absl::string_view> values, size_t begin);

  // The index behind the last put.
  size_t end() const { return end_; }
  // Of the key at index `at`, begin <= at < end().
  uint64_t hash(size_t at) const { return hashes_[at - begin_]; }

 private:
  size_t begin_;
  size_t end_;
  uint64_t hashes_[kPutsPerBatch];
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_BATCH_H_
