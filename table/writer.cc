#include "table/writer.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "table/bytes.h"
#include "table/entry.h"
#include "table/eviction.h"
#include "table/hash.h"
#include "table/repair.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

absl::Status Writer::Damaged(uint64_t bucket) {
  return absl::DataLossError(absl::StrCat("bucket ", bucket, " is damaged: run cubby check"));
}

absl::Status Writer::WrongSizes(absl::string_view key, absl::string_view value) const {
  const Geometry& geometry = table_.geometry();
  if (key.empty()) return absl::InvalidArgumentError("the key is empty: use 1 byte or more");
  if (key.size() > geometry.max_key_bytes) {
    return absl::OutOfRangeError(
        absl::StrCat("the key has ", key.size(), " bytes, the limit is ", geometry.max_key_bytes,
                     ": use a shorter key",
                     geometry.max_key_bytes < kMaxKeyBytes
                         ? ", or make the store with a larger --extent-pool or --slot-bytes"
                         : ""));
  }
  return absl::OutOfRangeError(absl::StrCat(
      "the value has ", value.size(), " bytes, the limit is ", geometry.max_value_bytes,
      ": use a shorter value, or make the store with a larger --max-value"));
}

void Writer::Prefetch(uint64_t hash, size_t bytes) const {
  PrefetchLookup(table_, hash);
  const Geometry& geometry = table_.geometry();
  const uint64_t home = HomeBucket(hash, geometry.bucket_count);
  if (bytes == 0) {
    Place place;
    if (ChooseForHole(home, &place)) PrefetchSlot(geometry, table_.slot(place.bucket, place.way));
    return;
  }
  __builtin_prefetch(&table_.distances(home));
  if (geometry.evicts()) PrefetchRecency(table_, home);
  const Bucket bucket = table_.bucket(home);
  const uint32_t live = LiveWays(bucket.head().word0.load(kRelaxed)) & geometry.ways_mask;
  if (live == geometry.ways_mask) return;
  const uint32_t old = MatchTags(bucket.head().tags, TagOf(hash)) & live;
  // An overwrite, as nearly each put with a matching tag is, evicts none.
  if (geometry.evicts() && old == 0 &&
      table_.fixed().counters.entries.load(kRelaxed) >= geometry.capacity) {
    PrefetchVictim(table_, home);
  }
  const uint32_t dead =
      ChooseDeadWay(live, old != 0 ? static_cast<uint32_t>(__builtin_ctz(old)) : 0);
  if (bytes <= geometry.max_inline_bytes) {
    PrefetchForWriting(&bucket.slot(dead), kSlotHeadBytes + bytes);
    return;
  }
  PrefetchForWriting(&bucket.slot(dead), kSlotHeadBytes + kLineBytes);
  PrefetchFree(table_, bytes);
}

void Writer::PrefetchHome(uint64_t hash) const {
  const uint64_t home = HomeBucket(hash, table_.geometry().bucket_count);
  __builtin_prefetch(&table_.head(home));
  __builtin_prefetch(&table_.hints(home));
  __builtin_prefetch(&table_.distances(home));
}

absl::StatusOr<uint64_t> Writer::FindRoom(uint64_t home) const {
  const Geometry& geometry = table_.geometry();
  uint64_t bucket = home;
  for (uint64_t probes = 0; probes < geometry.bucket_count; ++probes) {
    if (HasRoom(bucket)) return bucket;
    bucket = table_.NextBucket(bucket);
  }
  // The buckets together take at least as many entries as the capacity: with a right entry count,
  // one has room.
  return absl::DataLossError("the store's entry count is damaged: run cubby check");
}

Existing Writer::ExistingIn(const Located& located) const {
  Existing existing;
  if (!located.visible && !HasLease(located)) return existing;
  const SlotHead& slot = table_.slot(located.place.bucket, located.place.way);
  const uint64_t revision = RevisionOf(slot.sequence.load(kRelaxed));
  if (!located.visible) {
    existing.lease = revision;
    return existing;
  }
  existing.visible = true;
  existing.revision = revision;
  existing.expiry_ns = slot.expiry_ns.load(kRelaxed);
  return existing;
}

absl::Status Writer::CopyValue(const Place& place, std::string* value) const {
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
  // Other bytes than Locate() saw, if a process has stored them without the lock.
  if (!LengthsArePossible(table_.geometry(), lengths)) return Damaged(place.bucket);
  value->resize(lengths.value_bytes);
  if (!lengths.in_extents()) {
    CopyFromShared(&(*value)[0], SlotBytes(slot) + RoundUp8(lengths.key_bytes),
                   lengths.value_bytes);
  } else if (CopyChain(table_, FirstExtent(slot, lengths), slot.sequence.load(kRelaxed),
                       lengths.key_in_chain(), lengths.value_bytes, &(*value)[0]) != Look::kWhole) {
    return Damaged(place.bucket);
  }
  return absl::OkStatus();
}

absl::Status Writer::Decide(const Update& update, const Located& located) const {
  const Existing existing = ExistingIn(located);
  RETURN_IF_ERROR(CheckCondition(update, existing));
  if (!NeedsOldValue(update.kind)) return absl::OkStatus();
  if (existing.visible) RETURN_IF_ERROR(CopyValue(located.place, update.result));
  return ComputeResult(update, existing, table_.geometry().max_value_bytes);
}

// What a put calls is always inlined: that saves a tenth of its instructions.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline absl::Status Writer::PlanPut(const PutRequest& request,
                                                                 const Located& old,
                                                                 const Place* victim,
                                                                 const Content& content,
                                                                 Placement* placement) const {
  const Geometry& geometry = table_.geometry();
  const Counters& counters = table_.fixed().counters;
  Plan& plan = placement->plan;
  const uint64_t home = HomeBucket(request.hash, geometry.bucket_count);
  uint64_t bucket = home;
  const Place* const leaving = old.slot_found ? &old.place : victim;
  if (leaving != nullptr) {
    bucket = leaving->bucket;
  } else {
    if (counters.entries.load(kRelaxed) >= geometry.capacity) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the store is full: it holds ", geometry.capacity,
                       base::OneOrMany(geometry.capacity, " entry", " entries"),
                       ", its limit: delete some, or make it with a larger --capacity"));
    }
    ASSIGN_OR_RETURN(bucket, FindRoom(home));
  }
  if (const uint64_t bytes = BytesInExtents(request.key, content.value.size()); bytes != 0) {
    ASSIGN_OR_RETURN(placement->taken, FirstFree(table_, bytes));
  }
  Chain freed;
  uint64_t expiring = counters.expiring.load(kRelaxed) + (content.expiry_ns != 0);
  if (leaving != nullptr) {
    const SlotHead& old_slot = table_.slot(leaving->bucket, leaving->way);
    ASSIGN_OR_RETURN(freed, ChainOf(table_, old_slot));
    expiring -= old_slot.expiry_ns.load(kRelaxed) != 0;
  }
  const uint32_t live = Live(bucket);
  if (live == geometry.ways_mask) return Damaged(bucket);
  placement->place = {bucket, ChooseDeadWay(live, leaving != nullptr ? leaving->way : 0)};
  placement->distance = table_.Distance(home, bucket);

  plan.path = {old.slot_found ? bucket : home, bucket, OverflowClass(request.hash)};
  plan.live_after = live | 1u << placement->place.way;
  if (leaving != nullptr) plan.live_after &= ~(1u << leaving->way);
  plan.books.entries_after = counters.entries.load(kRelaxed) + (leaving != nullptr ? 0 : 1);
  plan.books.expiring_after = expiring;
  plan.expiry_ns = content.expiry_ns;
  plan.total = &Counters::puts;
  return PlanExtents(table_, placement->taken, freed, &plan.books);
}

ABSL_ATTRIBUTE_NOINLINE void Writer::FillExtents(const Chain& chain, absl::string_view key,
                                                 uint64_t hash, const Content& content,
                                                 uint64_t sequence, SlotHead* slot) {
  SlotLengths lengths = {static_cast<uint32_t>(content.value.size()),
                         static_cast<uint32_t>(key.size()), content.flags | kSlotFlagExtents};
  if (key.size() > table_.geometry().max_inline_key_bytes) lengths.flags |= kSlotFlagLongKey;
  slot->lengths.store(PackLengths(lengths), kRelaxed);
  char* bytes = SlotBytes(*slot);
  if (lengths.long_key()) {
    WordAt(bytes).store(hash, kRelaxed);
  } else {
    CopyToShared(bytes, key.data(), key.size());
  }
  WordAt(bytes + lengths.key_room()).store(PackLink(chain.first, chain.last), kRelaxed);
  FillChain(table_, chain, sequence, lengths.long_key() ? key : "", content.value);
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Writer::FillSlot(const Placement& placement,
                                                          absl::string_view key, uint64_t hash,
                                                          const Content& content,
                                                          uint64_t revision) {
  const absl::string_view value = content.value;
  const uint64_t sequence = revision << 1;
  const Place& place = placement.place;
  SlotHead& slot = table_.mutable_slot(place.bucket, place.way);
  // A reader with an old word0 may still be copying the previous bytes. With the first new byte it
  // must see that the slot is being written: odd, then a release fence, then bytes.
  slot.sequence.store(sequence | 1, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);
  slot.expiry_ns.store(content.expiry_ns, kRelaxed);
  if (ABSL_PREDICT_TRUE(placement.taken.length == 0)) {
    slot.lengths.store(PackLengths({static_cast<uint32_t>(value.size()),
                                    static_cast<uint32_t>(key.size()), content.flags}),
                       kRelaxed);
    char* bytes = SlotBytes(slot);
    CopyToShared(bytes, key.data(), key.size());
    CopyToShared(bytes + RoundUp8(key.size()), value.data(), value.size());
  } else {
    FillExtents(placement.taken, key, hash, content, sequence, &slot);
  }
  // Release: publishes the bytes to readers that load this sequence.
  slot.sequence.store(sequence, std::memory_order_release);
  SetTag(place, hash, placement.distance);
}

absl::StatusOr<uint64_t> Writer::Put(const PutRequest& request) {
  RepairIfNeeded(table_);
  Located old;
  if (!Locate(request.key, request.hash, &old)) return Damaged(old.place.bucket);

  const Update& update = request.update;
  absl::string_view value = update.value;
  if (update.kind != UpdateKind::kSet) {
    RETURN_IF_ERROR(Decide(update, old));
    if (ResultIsNewValue(update.kind)) value = *update.result;
  }
  Content content = {value, update.expiry_ns, update.flags & table_.geometry().lease_flags};
  if (ABSL_PREDICT_FALSE(old.visible &&
                         (update.keep_expiry || update.kind == UpdateKind::kTouch))) {
    const SlotHead& slot = table_.slot(old.place.bucket, old.place.way);
    if (update.keep_expiry) content.expiry_ns = slot.expiry_ns.load(kRelaxed);
    content.flags = StaleFlagsIn(slot);
  }

  if (table_.geometry().evicts()) return PutEvicting(request, old, content);

  Placement placement;
  RETURN_IF_ERROR(PlanPut(request, old, /*victim=*/nullptr, content, &placement));
  if (ABSL_PREDICT_FALSE(Recording(table_))) {
    return PutRecording(request, old, content, placement);
  }

  return Execute<Operation::kPut>(
      table_, placement.plan, [&](uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK {
        FillSlot(placement, request.key, request.hash, content, revision);
      });
}

ABSL_ATTRIBUTE_NOINLINE uint64_t Writer::PutRecording(const PutRequest& request, const Located& old,
                                                      const Content& content,
                                                      const Placement& placement) {
  Changes changes;
  changes.kind = KindOfPut(old, content);
  changes.key = request.key;
  return Execute<Operation::kPut>(
      table_, placement.plan,
      [&](uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK {
        FillSlot(placement, request.key, request.hash, content, revision);
      },
      /*gone=*/nullptr, &changes);
}

ABSL_ATTRIBUTE_NOINLINE absl::StatusOr<uint64_t> Writer::PutEvicting(const PutRequest& request,
                                                                     Located old, Content content) {
  const Geometry& geometry = table_.geometry();
  const uint64_t home = HomeBucket(request.hash, geometry.bucket_count);
  RETURN_IF_ERROR(EvictForExtents(request, content.value, &old));
  Placement placement;
  Changes changes;
  const bool records = Recording(table_);
  if (records) {
    changes.kind = KindOfPut(old, content);
    changes.key = request.key;
  }
  const auto fill = [&](uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK {
    FillSlot(placement, request.key, request.hash, content, revision);
    NoteExtents(table_, placement.place, placement.taken.length != 0);
    if (old.slot_found) {
      Carry(table_, old.place, placement.place, /*overwritten=*/true);
    } else {
      EnterNew(table_, placement.place, home, request.hash);
    }
    // No get marks a lease, and its process works for it.
    if ((content.flags & kSlotFlagLease) != 0) MarkMost(table_, placement.place);
  };
  if (!old.slot_found && table_.fixed().counters.entries.load(kRelaxed) >= geometry.capacity) {
    const absl::optional<Place> chosen = ChooseVictim(table_, home);
    if (!chosen.has_value()) {
      return absl::DataLossError("the store's entry count is damaged: run cubby check");
    }
    ASSIGN_OR_RETURN(const Victim victim, VictimIn(*chosen));
    if (victim.place.bucket == home || !HasRoom(home)) {
      RETURN_IF_ERROR(PlanPut(request, old, &victim.place, content, &placement));
      const Gone gone = {{HomeBucket(victim.hash, geometry.bucket_count), victim.place.bucket,
                          OverflowClass(victim.hash)},
                         /*live_after=*/0,
                         TotalOf(victim.kind)};
      if (records) {
        RETURN_IF_ERROR(NoteGone(victim.place, victim.kind, &changes.gone));
      }
      return Execute<Operation::kEvict>(
          table_, placement.plan,
          [&](uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK {
            fill(revision);
            LeaveGhostOf(victim);
          },
          &gone, records ? &changes : nullptr);
    }
    RETURN_IF_ERROR(Evict(victim));
  }
  RETURN_IF_ERROR(PlanPut(request, old, /*victim=*/nullptr, content, &placement));
  return Execute<Operation::kPut>(table_, placement.plan, fill, /*gone=*/nullptr,
                                  records ? &changes : nullptr);
}

absl::Status Writer::EvictForExtents(const PutRequest& request, absl::string_view value,
                                     Located* old) {
  const uint32_t needed = ChainLength(table_.geometry(), BytesInExtents(request.key, value.size()));
  const auto missing = [&] { return needed > table_.fixed().extents.free_count.load(kRelaxed); };
  while (missing()) {
    const absl::optional<Place> chosen = ChooseVictimWithExtents(
        table_, old->slot_found ? absl::make_optional(old->place) : absl::nullopt);
    if (!chosen.has_value()) break;
    ASSIGN_OR_RETURN(const Victim victim, VictimIn(*chosen));
    RETURN_IF_ERROR(Evict(victim));
    if (!old->slot_found) continue;
    // That may have moved the key's old entry or, if it has expired, removed it.
    *old = Located();
    if (!Locate(request.key, request.hash, old)) return Damaged(old->place.bucket);
  }
  return absl::OkStatus();
}

absl::StatusOr<Writer::Victim> Writer::VictimIn(const Place& place) const {
  Victim victim;
  victim.place = place;
  ASSIGN_OR_RETURN(victim.hash, HashOf(place));
  const bool expired = HasExpired(table_.slot(place.bucket, place.way));
  victim.kind = expired ? ChangeKind::kExpire : ChangeKind::kEvict;
  return victim;
}

void Writer::LeaveGhostOf(const Victim& victim) {
  if (victim.kind == ChangeKind::kExpire) return;
  LeaveGhost(table_, victim.place, HomeBucket(victim.hash, table_.geometry().bucket_count),
             victim.hash);
}

absl::Status Writer::Evict(const Victim& victim) {
  LeaveGhostOf(victim);
  RETURN_IF_ERROR(Erase(victim.place, victim.hash, victim.kind));
  PullBack(victim.place, kByClock);
  return absl::OkStatus();
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline absl::Status Writer::Remove(const Located& located,
                                                                uint64_t hash) {
  const absl::Status not_found(absl::StatusCode::kNotFound, "");
  if (!located.slot_found) return not_found;
  RETURN_IF_ERROR(
      Erase(located.place, hash,
            located.visible || HasLease(located) ? ChangeKind::kDelete : ChangeKind::kExpire));
  PullBack(located.place, kByClock);
  return located.visible ? absl::OkStatus() : not_found;
}

absl::Status Writer::Delete(absl::string_view key, uint64_t hash) {
  RepairIfNeeded(table_);
  Located located;
  if (!Locate(key, hash, &located)) return Damaged(located.place.bucket);
  return Remove(located, hash);
}

absl::StatusOr<Existing> Writer::Take(absl::string_view key, uint64_t hash, std::string* value) {
  RepairIfNeeded(table_);
  Located located;
  if (!Locate(key, hash, &located)) return Damaged(located.place.bucket);
  const Existing existing = ExistingIn(located);
  if (existing.visible) RETURN_IF_ERROR(CopyValue(located.place, value));
  RETURN_IF_ERROR(Remove(located, hash));
  return existing;
}

absl::Status Writer::Erase(const Place& place, uint64_t hash, ChangeKind kind) {
  const Geometry& geometry = table_.geometry();
  const Counters& counters = table_.fixed().counters;
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  ASSIGN_OR_RETURN(const Chain freed, ChainOf(table_, slot));

  Plan plan;
  plan.path = {HomeBucket(hash, geometry.bucket_count), place.bucket, OverflowClass(hash)};
  plan.live_after = Live(place.bucket) & ~(1u << place.way);
  plan.books.entries_after = counters.entries.load(kRelaxed) - 1;
  plan.books.expiring_after =
      counters.expiring.load(kRelaxed) - (slot.expiry_ns.load(kRelaxed) != 0 ? 1 : 0);
  plan.total = TotalOf(kind);
  RETURN_IF_ERROR(PlanExtents(table_, Chain(), freed, &plan.books));
  if (ABSL_PREDICT_FALSE(Recording(table_))) return EraseRecording(place, kind, plan);

  Execute<Operation::kDelete>(table_, plan, [](uint64_t /*revision*/) {});
  return absl::OkStatus();
}

}  // namespace cubby::table
