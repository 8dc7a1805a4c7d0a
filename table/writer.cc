#include "table/writer.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "table/bytes.h"
#include "table/hash.h"
#include "table/sweep.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

absl::Status Damaged(uint64_t bucket) {
  return absl::DataLossError(absl::StrCat("bucket ", bucket, " is damaged: run cubby check"));
}

}  // namespace

absl::Status Writer::WrongSizes(absl::string_view key, absl::string_view value) const {
  const Geometry& geometry = table_.geometry();
  if (key.empty()) return absl::InvalidArgumentError("the key is empty: use 1 byte or more");
  if (key.size() > geometry.max_key_bytes) {
    return absl::OutOfRangeError(
        absl::StrCat("the key has ", key.size(), " bytes, the limit is ", geometry.max_key_bytes,
                     ": use a shorter key, or make the store with a larger --slot-bytes"));
  }
  return absl::OutOfRangeError(absl::StrCat(
      "the value has ", value.size(), " bytes, the limit is ", geometry.max_value_bytes,
      ": use a shorter value, or make the store with a larger --max-value"));
}

void Writer::Prefetch(uint64_t hash, size_t bytes) const {
  PrefetchLookup(table_, hash);
  if (bytes == 0) return;
  const Geometry& geometry = table_.geometry();
  const Bucket bucket = table_.bucket(HomeBucket(hash, geometry.bucket_count));
  const uint32_t live = LiveWays(bucket.head().word0.load(kRelaxed)) & geometry.ways_mask;
  if (live == geometry.ways_mask) return;
  const uint32_t old = MatchTags(bucket.head().tags, TagOf(hash)) & live;
  const uint32_t dead =
      ChooseDeadWay(live, old != 0 ? static_cast<uint32_t>(__builtin_ctz(old)) : 0);
  if (bytes <= geometry.max_inline_bytes) {
    PrefetchForWriting(&bucket.slot(dead), kSlotHeadBytes + bytes);
    return;
  }
  PrefetchForWriting(&bucket.slot(dead), kSlotHeadBytes + kLineBytes);
  const uint32_t first = table_.fixed().extents.head.load(kRelaxed);
  if (first < geometry.extent_count) PrefetchExtent(table_, first, bytes);
}

void Writer::PrefetchHome(uint64_t hash) const {
  const uint64_t home = HomeBucket(hash, table_.geometry().bucket_count);
  __builtin_prefetch(&table_.head(home));
  __builtin_prefetch(&table_.hints(home));
}

inline bool Writer::HasExpired(const SlotHead& slot) const {
  const uint64_t expiry = slot.expiry_ns.load(kRelaxed);
  return expiry != 0 && clock_() >= expiry;
}

// What a put calls is inlined by order: that is a tenth of its instructions.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Outcome Writer::Locate(absl::string_view key, uint64_t hash,
                                                           Place* place) const {
  const Geometry& geometry = table_.geometry();
  const uint8_t tag = TagOf(hash);
  place->bucket = HomeBucket(hash, geometry.bucket_count);
  for (uint64_t probes = 0; probes < geometry.bucket_count; ++probes) {
    const Bucket bucket = table_.bucket(place->bucket);
    const BucketHead& head = bucket.head();
    uint32_t candidates =
        MatchTags(head.tags, tag) & LiveWays(head.word0.load(kRelaxed)) & geometry.ways_mask;
    for (; candidates != 0; candidates &= candidates - 1) {
      place->way = static_cast<uint32_t>(__builtin_ctz(candidates));
      const SlotHead& slot = bucket.slot(place->way);
      const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
      if (!LengthsArePossible(geometry, lengths)) return Outcome::kDamaged;
      if (lengths.key_bytes == key.size() &&
          EqualsShared(SlotBytes(slot), key.data(), key.size())) {
        return Outcome::kFound;
      }
    }
    if (OverflowCount(head, OverflowClass(hash)) == 0) break;
    place->bucket = table_.NextBucket(place->bucket);
  }
  return Outcome::kNotFound;
}

absl::StatusOr<uint64_t> Writer::FindRoom(uint64_t home) const {
  const Geometry& geometry = table_.geometry();
  uint64_t bucket = home;
  for (uint64_t probes = 0; probes < geometry.bucket_count; ++probes) {
    const uint32_t live = LiveWays(table_.head(bucket).word0.load(kRelaxed)) & geometry.ways_mask;
    // One way stays dead, for the next overwrite.
    if (static_cast<uint32_t>(__builtin_popcount(live)) + 1 < geometry.ways) return bucket;
    bucket = table_.NextBucket(bucket);
  }
  // The capacity is at most the sum of what the buckets take, so with a right count there always is
  // one.
  return absl::DataLossError("the store's entry count is damaged: run cubby check");
}

inline uint32_t Writer::ChooseDeadWay(uint32_t live, uint32_t after) const {
  const uint32_t dead = ~live & table_.geometry().ways_mask;
  const uint32_t behind = dead & ~((2u << after) - 1);
  return static_cast<uint32_t>(__builtin_ctz(behind != 0 ? behind : dead));
}

inline uint64_t Writer::NextRevision() {
  Counters& counters = table_.mutable_fixed().counters;
  const uint64_t revision = counters.revision.load(kRelaxed) + 1;
  counters.revision.store(revision, std::memory_order_release);
  return revision;
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline absl::Status Writer::PlanQueue(const Chain& taken,
                                                                   const Chain& freed,
                                                                   Plan* plan) const {
  const ExtentQueue& queue = table_.fixed().extents;
  uint32_t head = queue.head.load(kRelaxed);
  uint32_t tail = queue.tail.load(kRelaxed);
  plan->queue_before = PackLink(head, tail);
  plan->queue_after = plan->queue_before;
  if (taken.length == 0 && freed.length == 0) return absl::OkStatus();
  if (tail >= table_.geometry().extent_count) {
    return absl::DataLossError("the queue of free extents is damaged: run cubby check");
  }
  if (taken.length != 0) head = table_.extent(taken.last).next.load(kRelaxed);
  if (freed.length != 0) tail = freed.last;
  plan->queue_after = PackLink(head, tail);
  plan->freed_first = freed.first;
  plan->free_count_after = queue.free_count.load(kRelaxed) - taken.length + freed.length;
  return absl::OkStatus();
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void Writer::FillSlot(const Place& place,
                                                          const PutRequest& request,
                                                          uint64_t revision, const Chain& chain) {
  const uint64_t sequence = revision << 1;
  SlotHead& slot = table_.mutable_slot(place.bucket, place.way);
  // A reader with an old word0 may still be copying what was here. With the first new byte it must
  // see that the slot is being written: odd, then a release fence, then bytes.
  slot.sequence.store(sequence | 1, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);
  slot.expiry_ns.store(request.expiry_ns, kRelaxed);
  slot.lengths.store(PackLengths({static_cast<uint32_t>(request.value.size()),
                                  static_cast<uint32_t>(request.key.size()), chain.length != 0}),
                     kRelaxed);
  char* bytes = SlotBytes(slot);
  CopyToShared(bytes, request.key.data(), request.key.size());
  bytes += RoundUp8(request.key.size());
  if (chain.length == 0) {
    CopyToShared(bytes, request.value.data(), request.value.size());
  } else {
    WordAt(bytes).store(PackLink(chain.first, chain.last), kRelaxed);
    FillChain(table_, chain, sequence, request.value);
  }
  // Release: publishes the bytes to readers that load this sequence.
  slot.sequence.store(sequence, std::memory_order_release);
  const uint8_t tag = TagOf(request.hash);
  table_.mutable_head(place.bucket).tags[place.way].store(tag, kRelaxed);
  table_.mutable_hints(place.bucket).tags[place.way].store(tag, kRelaxed);
}

absl::StatusOr<uint64_t> Writer::Put(const PutRequest& request) {
  MendIfNeeded(table_);
  const Geometry& geometry = table_.geometry();
  const Counters& counters = table_.fixed().counters;
  Place old;
  const Outcome located = Locate(request.key, request.hash, &old);
  if (located == Outcome::kDamaged) return Damaged(old.bucket);
  const bool there = located == Outcome::kFound;
  const bool present = there && !HasExpired(table_.slot(old.bucket, old.way));
  if (present && request.condition == Condition::kIfAbsent) {
    return absl::AlreadyExistsError("the key is there already");
  }
  if (!present && request.condition == Condition::kIfPresent) {
    return absl::Status(absl::StatusCode::kNotFound, "");
  }

  const uint64_t home = HomeBucket(request.hash, geometry.bucket_count);
  uint64_t bucket = home;
  if (there) {
    bucket = old.bucket;
  } else {
    if (counters.entries.load(kRelaxed) >= geometry.capacity) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the store is full: it holds ", geometry.capacity,
                       " entries, its limit: delete some, or make it with a larger --capacity"));
    }
    absl::StatusOr<uint64_t> room = FindRoom(home);
    if (!room.ok()) return room.status();
    bucket = *room;
  }
  Chain taken;
  if (RoundUp8(request.key.size()) + request.value.size() > geometry.max_inline_bytes) {
    absl::StatusOr<Chain> first_free =
        FirstFree(table_, static_cast<uint32_t>(request.value.size()));
    if (!first_free.ok()) return first_free.status();
    taken = *first_free;
  }
  Chain freed;
  uint64_t expiring = counters.expiring.load(kRelaxed) + (request.expiry_ns != 0);
  if (there) {
    const SlotHead& old_slot = table_.slot(old.bucket, old.way);
    absl::StatusOr<Chain> old_chain = ChainOf(table_, old_slot);
    if (!old_chain.ok()) return old_chain.status();
    freed = *old_chain;
    expiring -= old_slot.expiry_ns.load(kRelaxed) != 0;
  }
  BucketHead& head = table_.mutable_head(bucket);
  const uint32_t live = LiveWays(head.word0.load(kRelaxed)) & geometry.ways_mask;
  if (live == geometry.ways_mask) return Damaged(bucket);
  const Place place = {bucket, ChooseDeadWay(live, there ? old.way : 0)};

  Plan plan;
  absl::Status planned = PlanQueue(taken, freed, &plan);
  if (!planned.ok()) return planned;

  // From here on nothing can fail. The numbers are the steps of recovery.h.
  const uint64_t revision = NextRevision();  // 1
  uint32_t live_after = live | 1u << place.way;
  if (there) live_after &= ~(1u << old.way);
  plan.operation = Operation::kPut;
  plan.bucket = bucket;
  plan.word0_after = MakeWord0(revision, live_after);
  plan.home = there ? bucket : home;
  plan.overflow_class = OverflowClass(request.hash);
  plan.entries_after = counters.entries.load(kRelaxed) + (there ? 0 : 1);
  plan.expiring_after = expiring;
  WriteIntent(table_, plan);                              // 2
  RaiseOverflow(plan.home, bucket, plan.overflow_class);  // 3
  if (request.expiry_ns != 0) NoteExpiry(table_, request.expiry_ns);
  FillSlot(place, request, revision, taken);  // 4
  // Release: publishes slot, tag, extents and overflow counts to every reader that loads this
  // word0.
  head.word0.store(plan.word0_after, std::memory_order_release);  // 5
  SetBookkeeping(table_, plan);                                   // 6
  Counters& totals = table_.mutable_fixed().counters;
  totals.puts.store(totals.puts.load(kRelaxed) + 1, kRelaxed);
  ClearIntent(table_);  // 8
  return revision;
}

absl::Status Writer::Delete(absl::string_view key, uint64_t hash) {
  MendIfNeeded(table_);
  Place place;
  const Outcome located = Locate(key, hash, &place);
  if (located == Outcome::kDamaged) return Damaged(place.bucket);
  const absl::Status not_found(absl::StatusCode::kNotFound, "");
  if (located == Outcome::kNotFound) return not_found;
  Counters& totals = table_.mutable_fixed().counters;
  const bool expired = HasExpired(table_.slot(place.bucket, place.way));
  absl::Status erased = Erase(place, hash);
  if (!erased.ok()) return erased;
  std::atomic<uint64_t>& total = expired ? totals.expired : totals.deletes;
  total.store(total.load(kRelaxed) + 1, kRelaxed);
  return expired ? not_found : absl::OkStatus();
}

absl::Status Writer::Erase(const Place& place, uint64_t hash) {
  const Geometry& geometry = table_.geometry();
  const Counters& counters = table_.fixed().counters;
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  absl::StatusOr<Chain> freed = ChainOf(table_, slot);
  if (!freed.ok()) return freed.status();
  BucketHead& head = table_.mutable_head(place.bucket);
  const uint32_t live = LiveWays(head.word0.load(kRelaxed)) & geometry.ways_mask;

  Plan plan;
  absl::Status planned = PlanQueue(Chain(), *freed, &plan);
  if (!planned.ok()) return planned;
  const uint64_t revision = NextRevision();  // 1
  plan.operation = Operation::kDelete;
  plan.bucket = place.bucket;
  plan.word0_after = MakeWord0(revision, live & ~(1u << place.way));
  plan.home = HomeBucket(hash, geometry.bucket_count);
  plan.overflow_class = OverflowClass(hash);
  plan.entries_after = counters.entries.load(kRelaxed) - 1;
  plan.expiring_after =
      counters.expiring.load(kRelaxed) - (slot.expiry_ns.load(kRelaxed) != 0 ? 1 : 0);
  WriteIntent(table_, plan);  // 2
  // Release: a reader that sees the entry gone sees nothing older than that.
  head.word0.store(plan.word0_after, std::memory_order_release);  // 5
  SetBookkeeping(table_, plan);                                   // 6
  LowerOverflow(plan.home, place.bucket, plan.overflow_class);    // 7
  ClearIntent(table_);                                            // 8
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Writer::HashOf(const Place& place) const {
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
  if (!LengthsArePossible(table_.geometry(), lengths)) return Damaged(place.bucket);
  std::string key(lengths.key_bytes, '\0');
  CopyFromShared(&key[0], SlotBytes(slot), lengths.key_bytes);
  const uint64_t hash = HashKey(key, table_.geometry().hash_seed);
  // Erasing by a wrong hash would lower counts that other keys are found by.
  if (table_.head(place.bucket).tags[place.way].load(kRelaxed) != TagOf(hash)) {
    return Damaged(place.bucket);
  }
  return hash;
}

Writer::Cleared Writer::ClearBucket(uint64_t bucket, bool everything, uint64_t now_ns) {
  MendIfNeeded(table_);
  Cleared cleared;
  uint32_t ways = LiveWays(table_.head(bucket).word0.load(kRelaxed)) & table_.geometry().ways_mask;
  for (; ways != 0; ways &= ways - 1) {
    const Place place = {bucket, static_cast<uint32_t>(__builtin_ctz(ways))};
    if (!everything) {
      const uint64_t expiry = table_.slot(place.bucket, place.way).expiry_ns.load(kRelaxed);
      if (expiry == 0) continue;
      if (now_ns < expiry) {
        cleared.next_expiry = std::min(cleared.next_expiry, expiry);
        continue;
      }
    }
    const absl::StatusOr<uint64_t> hash = HashOf(place);
    const absl::Status erased = hash.ok() ? Erase(place, *hash) : hash.status();
    if (erased.ok()) ++cleared.removed;
    cleared.damage.Update(erased);
  }
  if (cleared.removed != 0) {
    Counters& totals = table_.mutable_fixed().counters;
    std::atomic<uint64_t>& total = everything ? totals.deletes : totals.expired;
    total.store(total.load(kRelaxed) + cleared.removed, kRelaxed);
  }
  return cleared;
}

void Writer::RaiseOverflow(uint64_t home, uint64_t bucket, uint32_t overflow_class) {
  for (; home != bucket; home = table_.NextBucket(home)) {
    BucketHead& head = table_.mutable_head(home);
    const uint32_t count = OverflowCount(head, overflow_class);
    if (count != kOverflowFull) SetOverflowCount(head, overflow_class, count + 1);
  }
}

void Writer::LowerOverflow(uint64_t home, uint64_t bucket, uint32_t overflow_class) {
  for (; home != bucket; home = table_.NextBucket(home)) {
    BucketHead& head = table_.mutable_head(home);
    const uint32_t count = OverflowCount(head, overflow_class);
    // At its largest value a count stays: how many it stands for is not known any more.
    if (count != kOverflowFull && count != 0) SetOverflowCount(head, overflow_class, count - 1);
  }
}

}  // namespace cubby::table
