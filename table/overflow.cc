#include "table/overflow.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "table/entry.h"
#include "table/hash.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// The entries of a class that live at or behind the bucket at hand and away from their homes, as
// the walk back meets them: of each, how many buckets its home is still ahead of the walk.
class Passing {
 public:
  // False if there are more than can be told.
  bool Add(uint64_t distance) {
    if (count_ == distances_.size()) return false;
    distances_[count_++] = distance;
    return true;
  }
  // Takes the walk back by one bucket and returns how many entries pass the bucket arrived at: all
  // that were there, for those whose home is the bucket left were dropped.
  uint32_t StepBack() {
    const uint32_t passing = count_;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      if (distances_[i] > 1) distances_[kept++] = distances_[i] - 1;
    }
    count_ = kept;
    return passing;
  }

 private:
  std::array<uint64_t, kMostPassing> distances_;
  uint32_t count_ = 0;
};

// Spends `bytes` of *budget. False if there is not so much left.
bool Spend(uint64_t bytes, uint64_t* budget) {
  if (bytes > *budget) return false;
  *budget -= bytes;
  return true;
}

// Adds the displaced entries of the class in `bucket`. False if there are too many, or the budget
// is spent.
bool AddDisplaced(const Table& table, uint64_t bucket, uint32_t overflow_class, Passing* passing,
                  uint64_t* budget) {
  const Geometry& geometry = table.geometry();
  uint32_t ways = LiveWays(table.head(bucket).word0.load(kRelaxed)) & geometry.ways_mask &
                  WaysBehind(table.distances(bucket), 1);
  for (; ways != 0; ways &= ways - 1) {
    const SlotHead& slot = table.slot(bucket, static_cast<uint32_t>(__builtin_ctz(ways)));
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry, lengths)) continue;
    if (!Spend(sizeof(SlotHead) + lengths.key_bytes, budget)) return false;
    const uint64_t hash = HashOfKey(table, slot, lengths);
    if (OverflowClass(hash) != overflow_class) continue;
    const uint64_t distance = table.Distance(HomeBucket(hash, geometry.bucket_count), bucket);
    if (distance != 0 && !passing->Add(distance)) return false;
  }
  return true;
}

}  // namespace

void RaiseOverflow(const WritableTable& table, const Path& path) {
  for (uint64_t at = path.home; at != path.bucket; at = table.NextBucket(at)) {
    BucketHead& head = table.mutable_head(at);
    const uint32_t count = OverflowCount(head, path.overflow_class);
    if (count != kOverflowFull) SetOverflowCount(head, path.overflow_class, count + 1);
  }
}

void LowerOverflow(const WritableTable& table, const Path& path) {
  bool any_full = false;
  for (uint64_t at = path.home; at != path.bucket; at = table.NextBucket(at)) {
    BucketHead& head = table.mutable_head(at);
    const uint32_t count = OverflowCount(head, path.overflow_class);
    any_full |= count == kOverflowFull;
    if (count != kOverflowFull && count != 0) {
      SetOverflowCount(head, path.overflow_class, count - 1);
    }
  }
  if (any_full) RecountOverflow(table, path);
}

void RecountOverflow(const WritableTable& table, const Path& path) {
  const uint64_t buckets = table.geometry().bucket_count;
  uint64_t budget = kRecountBudget;
  // No entry of the class lives behind `end` with its home at or before it.
  uint64_t end = path.bucket;
  uint64_t length = table.Distance(path.home, path.bucket);
  while (OverflowCount(table.head(end), path.overflow_class) != 0) {
    if (++length == buckets || !Spend(sizeof(BucketHead), &budget)) return;
    end = table.NextBucket(end);
  }
  Passing passing;
  for (uint64_t at = end; at != path.home;) {
    if (!Spend(sizeof(BucketHead), &budget)) return;
    if (!AddDisplaced(table, at, path.overflow_class, &passing, &budget)) return;
    at = table.PreviousBucket(at);
    SetOverflowCount(table.mutable_head(at), path.overflow_class,
                     std::min(passing.StepBack(), kOverflowFull));
  }
}

}  // namespace cubby::table
