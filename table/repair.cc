#include "table/repair.h"

#include <algorithm>
#include <string>

#include "absl/types/optional.h"
#include "table/commit.h"
#include "table/entry.h"
#include "table/extents.h"
#include "table/hash.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Intended {
  Path path;
  uint64_t word0_after;
  Books books;
};

// The intent as the killed owner left it. Nothing if an index in it is out of range, as only damage
// makes it.
absl::optional<Intended> ReadIntent(const Table& table) {
  const Intent& intent = table.fixed().intent;
  const Geometry& geometry = table.geometry();
  Intended intended;
  Path& path = intended.path;
  path.bucket = intent.bucket.load(kRelaxed);
  path.home = intent.home.load(kRelaxed);
  path.overflow_class = static_cast<uint32_t>(intent.overflow_class.load(kRelaxed));
  intended.word0_after = intent.word0_after.load(kRelaxed);
  Books& books = intended.books;
  books.entries_after = intent.entries_after.load(kRelaxed);
  books.expiring_after = intent.expiring_after.load(kRelaxed);
  books.queue_before = intent.queue_before.load(kRelaxed);
  books.queue_after = intent.queue_after.load(kRelaxed);
  books.freed_first = static_cast<uint32_t>(intent.freed_first.load(kRelaxed));
  books.free_count_after = intent.free_count_after.load(kRelaxed);
  const auto extent_ok = [&geometry](uint32_t index) {
    return index < geometry.extent_count || (geometry.extent_count == 0 && index == kNoExtent);
  };
  const bool possible =
      path.bucket < geometry.bucket_count && path.home < geometry.bucket_count &&
      path.overflow_class < kOverflowClasses && extent_ok(LinkFirst(books.queue_before)) &&
      extent_ok(LinkLast(books.queue_before)) && extent_ok(LinkFirst(books.queue_after)) &&
      extent_ok(LinkLast(books.queue_after)) &&
      (books.freed_first == kNoExtent || books.freed_first < geometry.extent_count);
  return possible ? absl::make_optional(intended) : absl::nullopt;
}

// Returns how many entries of `overflow_class` have their home at or before `bucket` and live after
// it: the right count. Returns nothing if that takes reading more than *budget bytes. Lowers
// *budget by what it read.
absl::optional<uint32_t> CountOverflow(const Table& table, uint64_t bucket, uint32_t overflow_class,
                                       uint64_t* budget) {
  const Geometry& geometry = table.geometry();
  uint64_t count = 0;
  std::string key;
  // An entry that lives n buckets after its home raised the counts of all n of them, so the first
  // bucket after this one whose count is 0 is the last that can hold one.
  uint64_t at = bucket;
  for (uint64_t steps = 1; steps < geometry.bucket_count; ++steps) {
    at = table.NextBucket(at);
    const BucketHead& head = table.head(at);
    uint64_t read = sizeof(BucketHead);
    uint32_t ways = LiveWays(head.word0.load(kRelaxed)) & geometry.ways_mask;
    for (; ways != 0; ways &= ways - 1) {
      const SlotHead& slot = table.slot(at, static_cast<uint32_t>(__builtin_ctz(ways)));
      const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
      if (!LengthsArePossible(geometry, lengths)) continue;
      read += sizeof(SlotHead) + lengths.key_bytes;
      if (read > *budget) return absl::nullopt;
      const uint64_t hash = HashOfKey(table, slot, lengths, &key);
      if (OverflowClass(hash) != overflow_class) continue;
      if (table.Distance(HomeBucket(hash, geometry.bucket_count), at) >= steps) ++count;
    }
    if (read > *budget) return absl::nullopt;
    *budget -= read;
    if (OverflowCount(head, overflow_class) == 0) break;
  }
  return static_cast<uint32_t>(std::min<uint64_t>(count, kOverflowFull));
}

}  // namespace

void Repair(const WritableTable& table) {
  if (const absl::optional<Intended> intended = ReadIntent(table)) {
    const Path& path = intended->path;
    if (table.head(path.bucket).word0.load(std::memory_order_acquire) == intended->word0_after) {
      SetBooks(table, intended->books);
    }
    // A count that is not reached stays: whatever the killed owner did, it is not too low.
    uint64_t budget = kRecountBudget;
    for (uint64_t at = path.home; at != path.bucket; at = table.NextBucket(at)) {
      const absl::optional<uint32_t> count = CountOverflow(table, at, path.overflow_class, &budget);
      if (!count.has_value()) break;
      SetOverflowCount(table.mutable_head(at), path.overflow_class, *count);
    }
  }
  table.mutable_fixed().counters.repairs.fetch_add(1, kRelaxed);
  ClearIntent(table);
}

}  // namespace cubby::table
