// The part of the writer that fills holes and clears buckets.
#include <algorithm>
#include <atomic>

#include "base/status_macros.h"
#include "table/bytes.h"
#include "table/entry.h"
#include "table/eviction.h"
#include "table/hash.h"
#include "table/repair.h"
#include "table/writer.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

absl::StatusOr<uint64_t> Writer::HashOf(const Place& place) const {
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
  if (!LengthsArePossible(table_.geometry(), lengths)) return Damaged(place.bucket);
  const uint64_t hash = HashOfKey(table_, slot, lengths);
  // Erasing by a wrong hash would lower counts that other keys are found by.
  if (table_.head(place.bucket).tags[place.way].load(kRelaxed) != TagOf(hash)) {
    return Damaged(place.bucket);
  }
  return hash;
}

bool Writer::ChooseForHole(uint64_t hole, Place* place) const {
  uint64_t at = hole;
  bool found = false;
  for (uint32_t distance = 1; distance <= kBucketsPerMove; ++distance) {
    if (table_.head(at).overflow.load(kRelaxed) == 0) break;
    at = table_.NextBucket(at);
    if (at == hole) break;
    const uint32_t ways = Live(at) & WaysBehind(table_.distances(at), distance);
    if (ways == 0) continue;
    *place = {at, static_cast<uint32_t>(__builtin_ctz(ways))};
    found = true;
  }
  return found;
}

bool Writer::PullBack(Place hole, uint64_t now_ns) {
  Place from;
  bool moved = false;
  for (int moves = 0; moves < kMovesPerHole && ChooseForHole(hole.bucket, &from); ++moves) {
    const absl::StatusOr<uint64_t> hash = HashOf(from);
    if (!hash.ok()) break;  // damaged: stays, for the checker
    if (IsGone(table_.slot(from.bucket, from.way), now_ns)) {
      // A sweep may have visited the bucket of the hole: it is to find the entry where it was.
      if (!Erase(from, *hash, ChangeKind::kExpire).ok()) break;
      continue;
    }
    if (!Move(from, *hash, hole)) break;
    moved = true;
    hole = from;
  }
  return moved;
}

bool Writer::Move(const Place& from, uint64_t hash, const Place& hole) {
  if (!HasRoom(hole.bucket)) return false;  // only in a damaged table
  const Counters& counters = table_.fixed().counters;
  const uint64_t to = hole.bucket;
  const uint32_t live = Live(to);
  const Place place = {to, ChooseDeadWay(live, hole.way)};
  const SlotHead& source = table_.slot(from.bucket, from.way);
  const SlotLengths lengths = UnpackLengths(source.lengths.load(kRelaxed));
  // Other bytes than HashOf() saw, if a process has stored them without the lock.
  if (!LengthsArePossible(table_.geometry(), lengths)) return false;
  const size_t used =
      lengths.key_room() + (lengths.in_extents() ? size_t{kExtentLinkBytes} : lengths.value_bytes);

  Plan plan;
  plan.path = {to, to, OverflowClass(hash)};
  plan.live_after = live | 1u << place.way;
  plan.expiry_ns = source.expiry_ns.load(kRelaxed);
  plan.books.entries_after = counters.entries.load(kRelaxed);
  plan.books.expiring_after = counters.expiring.load(kRelaxed);

  const Gone gone = {{to, from.bucket, OverflowClass(hash)}, Live(from.bucket) & ~(1u << from.way)};
  const auto copy = [&](uint64_t /*revision*/) CUBBY_REQUIRES_WRITER_LOCK {
    // As in FillSlot(). The revision stays the entry's, and the extents, which have it too.
    const uint64_t sequence = source.sequence.load(kRelaxed) | kMovedBit;
    SlotHead& slot = table_.mutable_slot(place.bucket, place.way);
    slot.sequence.store(sequence | 1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
    slot.expiry_ns.store(plan.expiry_ns, kRelaxed);
    slot.lengths.store(PackLengths(lengths), kRelaxed);
    CopyWithinShared(SlotBytes(slot), SlotBytes(source), used);
    slot.sequence.store(sequence, std::memory_order_release);
    SetTag(place, hash, table_.Distance(HomeBucket(hash, table_.geometry().bucket_count), to));
    if (table_.geometry().evicts()) {
      NoteExtents(table_, place, lengths.in_extents());
      Carry(table_, from, place, /*overwritten=*/false);
    }
  };
  Execute<Operation::kMove>(table_, plan, copy, &gone);
  return true;
}

void Writer::ClearWays(uint64_t bucket, uint32_t ways, bool everything, uint64_t now_ns,
                       Cleared* cleared) {
  for (ways &= Live(bucket); ways != 0; ways &= ways - 1) {
    const Place place = {bucket, static_cast<uint32_t>(__builtin_ctz(ways))};
    if (!everything) {
      const uint64_t gone = GoneNs(table_.slot(place.bucket, place.way));
      if (gone == 0 || now_ns < gone) continue;
    }
    const absl::StatusOr<uint64_t> hash = HashOf(place);
    const absl::Status erased =
        hash.ok() ? Erase(place, *hash, everything ? ChangeKind::kFlush : ChangeKind::kExpire)
                  : hash.status();
    if (erased.ok()) ++cleared->removed;
    cleared->damage.Update(erased);
  }
}

Writer::Cleared Writer::ClearExpired(uint64_t bucket, uint64_t now_ns) {
  RepairIfNeeded(table_);
  const std::atomic<uint64_t>& expired = table_.fixed().counters.expired;
  const uint64_t before = expired.load(kRelaxed);
  Cleared cleared;
  ClearWays(bucket, ~0u, /*everything=*/false, now_ns, &cleared);
  if (cleared.removed != 0) {
    for (uint32_t way = 0; way < table_.geometry().ways && HasRoom(bucket); ++way) {
      if (!PullBack({bucket, way}, now_ns)) break;
    }
    // Those that it met behind this bucket, too.
    cleared.removed = static_cast<uint32_t>(expired.load(kRelaxed) - before);
  }
  return cleared;
}

Writer::Cleared Writer::ClearAll(uint64_t bucket) {
  RepairIfNeeded(table_);
  Cleared cleared;
  ClearWays(bucket, ~0u, /*everything=*/true, 0, &cleared);
  uint64_t passed = 0;  // how many buckets from this one on have entries that pass them
  for (uint64_t at = bucket; passed < table_.geometry().bucket_count; ++passed) {
    if (table_.head(at).overflow.load(kRelaxed) == 0) break;
    if (passed == kLongestPath) return cleared;
    at = table_.NextBucket(at);
    ClearWays(at, WaysBehind(table_.distances(at), 1), /*everything=*/true, 0, &cleared);
  }
  if (!cleared.damage.ok()) return cleared;
  // Nothing passes them any more, whatever the counts say.
  for (uint64_t at = bucket; passed != 0; --passed, at = table_.NextBucket(at)) {
    table_.mutable_head(at).overflow.store(0, std::memory_order_release);
  }
  return cleared;
}

}  // namespace cubby::table
