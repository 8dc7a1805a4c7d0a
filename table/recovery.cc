#include "table/recovery.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "absl/types/optional.h"
#include "table/bytes.h"
#include "table/extents.h"
#include "table/hash.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Each of the numbered steps is ordered after the one before: an heir on another core must not see
// a later step without the earlier ones. (Within a step the order is free: every value can be set
// again.)
constexpr auto kRelease = std::memory_order_release;

// The intent as the last owner left it; its indices are checked, for bytes in the mapping are
// anybody's.
bool ReadIntent(const Table& table, Plan* plan) {
  const Intent& intent = table.fixed().intent;
  const Geometry& geometry = table.geometry();
  plan->operation = static_cast<Operation>(intent.operation.load(std::memory_order_acquire));
  plan->bucket = intent.bucket.load(kRelaxed);
  plan->word0_after = intent.word0_after.load(kRelaxed);
  plan->home = intent.home.load(kRelaxed);
  plan->overflow_class = static_cast<uint32_t>(intent.overflow_class.load(kRelaxed));
  plan->entries_after = intent.entries_after.load(kRelaxed);
  plan->expiring_after = intent.expiring_after.load(kRelaxed);
  plan->queue_before = intent.queue_before.load(kRelaxed);
  plan->queue_after = intent.queue_after.load(kRelaxed);
  plan->freed_first = static_cast<uint32_t>(intent.freed_first.load(kRelaxed));
  plan->free_count_after = intent.free_count_after.load(kRelaxed);
  const auto extent_ok = [&geometry](uint32_t index) {
    return index < geometry.extent_count || (geometry.extent_count == 0 && index == kNoExtent);
  };
  return plan->bucket < geometry.bucket_count && plan->home < geometry.bucket_count &&
         plan->overflow_class < kOverflowClasses && extent_ok(LinkFirst(plan->queue_before)) &&
         extent_ok(LinkLast(plan->queue_before)) && extent_ok(LinkFirst(plan->queue_after)) &&
         extent_ok(LinkLast(plan->queue_after)) &&
         (plan->freed_first == kNoExtent || plan->freed_first < geometry.extent_count);
}

// How many entries of `overflow_class` have their home at or before `bucket` and live after it:
// what its count should be. Nothing if that takes reading more than *budget bytes, which is lowered
// by those read.
absl::optional<uint32_t> CountOverflow(const Table& table, uint64_t bucket, uint32_t overflow_class,
                                       uint64_t* budget) {
  const Geometry& geometry = table.geometry();
  uint64_t count = 0;
  std::string key;
  // An entry that lives n buckets after its home raised the counts of all n on the way, so the
  // first bucket after this one whose count is 0 is the last that can hold one.
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
      key.resize(lengths.key_bytes);
      CopyFromShared(&key[0], SlotBytes(slot), lengths.key_bytes);
      const uint64_t hash = HashKey(key, geometry.hash_seed);
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

void WriteIntent(const WritableTable& table, const Plan& plan) {
  Intent& intent = table.mutable_fixed().intent;
  // Nothing of this intent may be seen before the last one was cleared.
  std::atomic_thread_fence(std::memory_order_release);
  intent.bucket.store(plan.bucket, kRelaxed);
  intent.word0_after.store(plan.word0_after, kRelaxed);
  intent.home.store(plan.home, kRelaxed);
  intent.overflow_class.store(plan.overflow_class, kRelaxed);
  intent.entries_after.store(plan.entries_after, kRelaxed);
  intent.expiring_after.store(plan.expiring_after, kRelaxed);
  intent.queue_before.store(plan.queue_before, kRelaxed);
  intent.queue_after.store(plan.queue_after, kRelaxed);
  intent.freed_first.store(plan.freed_first, kRelaxed);
  intent.free_count_after.store(plan.free_count_after, kRelaxed);
  intent.operation.store(static_cast<uint64_t>(plan.operation), kRelease);
  // What follows may be a relaxed store; it must not be seen before the intent.
  std::atomic_thread_fence(std::memory_order_release);
}

void SetBookkeeping(const WritableTable& table, const Plan& plan) {
  Counters& counters = table.mutable_fixed().counters;
  counters.entries.store(plan.entries_after, kRelease);
  counters.expiring.store(plan.expiring_after, kRelease);
  ExtentQueue& queue = table.mutable_fixed().extents;
  if (plan.freed_first != kNoExtent) {
    table.mutable_extent(LinkLast(plan.queue_before)).next.store(plan.freed_first, kRelease);
  }
  if (plan.queue_after != plan.queue_before) {
    queue.head.store(LinkFirst(plan.queue_after), kRelease);
    queue.tail.store(LinkLast(plan.queue_after), kRelease);
    queue.free_count.store(plan.free_count_after, kRelease);
  }
}

void ClearIntent(const WritableTable& table) {
  table.mutable_fixed().intent.operation.store(static_cast<uint64_t>(Operation::kNone), kRelease);
}

void MendIfNeeded(const WritableTable& table) {
  if (table.fixed().intent.operation.load(std::memory_order_acquire) ==
      static_cast<uint64_t>(Operation::kNone)) {
    return;
  }
  Plan plan;
  if (ReadIntent(table, &plan)) {
    if (table.head(plan.bucket).word0.load(std::memory_order_acquire) == plan.word0_after) {
      SetBookkeeping(table, plan);
    }
    // A count that is not reached stays: whatever the dead owner did, it is not too low.
    uint64_t budget = kRecountBudget;
    for (uint64_t bucket = plan.home; bucket != plan.bucket; bucket = table.NextBucket(bucket)) {
      const absl::optional<uint32_t> count =
          CountOverflow(table, bucket, plan.overflow_class, &budget);
      if (!count.has_value()) break;
      SetOverflowCount(table.mutable_head(bucket), plan.overflow_class, *count);
    }
  }
  table.mutable_fixed().counters.mends.fetch_add(1, kRelaxed);
  ClearIntent(table);
}

}  // namespace cubby::table
