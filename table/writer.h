// Puts and deletes: copy on write inside the bucket, committed by one store of word0.
//
// At least one way of every bucket is dead. A put fills a dead way and then, with one store, makes
// it live and the way of the old value dead; a delete makes a way dead. A writer killed at any
// instruction leaves the old value or the new one; table/commit.h says what becomes of the rest.
//
// A put goes to the first bucket with room, from the key's home on, as in linear probing. A delete
// fills the way that it vacates with an entry from behind whose home is there or before, and then
// that entry's, as far as kMovesPerHole allows (Knuth, The Art of Computer Programming, volume 3,
// 6.4, algorithm R). So entries are about as near to their homes as in a new store with the same
// keys, however many were deleted and put. (Without that, 8 % of the entries of a full store are
// away from home when it is new, and 39 % after ten times as many deletes and puts as it has
// entries.)
//
// In a full store that evicts, a put of a new key replaces the entry of another (table/eviction.h),
// with one commit if that is in the bucket that the new entry goes to; else it deletes it before. A
// put for which there are too few free extents deletes entries that have some.
//
// REQUIRES, for all but CheckSizes and the prefetches: the caller holds the store's writer lock for
// the whole call.
#ifndef CUBBY_TABLE_WRITER_H_
#define CUBBY_TABLE_WRITER_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lock/writer_role.h"
#include "os/clock.h"
#include "table/commit.h"
#include "table/entry.h"
#include "table/expiry.h"
#include "table/extents.h"
#include "table/hash.h"
#include "table/match.h"
#include "table/reader.h"
#include "table/table.h"
#include "table/update.h"

namespace cubby::table {

// How many entries a delete moves at most, and in how many buckets it looks for each. (Simulated,
// at 90 % and ten turnovers, with the farthest entry moved: with 3 and 4 a delete moves 0.9
// entries, 11 % are away from home and a miss looks at 1.25 buckets, in a new store 8 % and 1.24;
// with 2 and 4 0.8, 11 % and 1.29; with the nearest entry moved, 4 and 4, 1.35, 9 % and 1.34.)
inline constexpr int kMovesPerHole = 3;
inline constexpr uint32_t kBucketsPerMove = 4;

struct PutRequest {
  absl::string_view key;
  uint64_t hash = 0;  // HashKey(key, geometry.hash_seed)
  Update update;
};

struct LeaseRequest {
  absl::string_view key;
  uint64_t hash = 0;
  uint64_t owner = 0;          // LeaseRecord::owner
  uint64_t bound_ns = 0;       // LeaseRecord::bound_ns
  uint32_t stale_flags = 0;    // StaleFlags(): how long the value of before is kept at least
  uint64_t void_revision = 0;  // takes the lease of this revision over: its owner lives no more
};

// Removes the record from the front of a lease's value, which is then that of before, or empty.
// False if it has none, as only hostile bytes have.
bool SplitRecord(std::string* value, LeaseRecord* record);

class Writer {
 public:
  // Calls `clock` if the key's entry, or one that a delete is about to move, has an expiry.
  explicit Writer(const WritableTable& table, os::Clock clock = os::BootNanos)
      : table_(table), clock_(clock) {}

  // Returns InvalidArgument for an empty key, OutOfRange, naming the limit, for a key or value over
  // it. Needs no lock.
  absl::Status CheckSizes(absl::string_view key, absl::string_view value) const {
    const Geometry& geometry = table_.geometry();
    const bool fit = !key.empty() && key.size() <= geometry.max_key_bytes &&
                     value.size() <= geometry.max_value_bytes;
    return ABSL_PREDICT_TRUE(fit) ? absl::OkStatus() : WrongSizes(key, value);
  }

  // Prefetches what a Put() of `bytes` bytes of key and value, or a Delete() (0 bytes), of a key
  // with this hash touches, so that its cache misses are over before the lock is taken. Needs no
  // lock; a wrong guess costs time only.
  void Prefetch(uint64_t hash, size_t bytes) const;
  // Prefetches what Prefetch() itself waits for: to be called for many keys before it.
  void PrefetchHome(uint64_t hash) const;

  // Does the update and returns the revision of the entry. Errors, each with nothing changed: those
  // of CheckCondition() and ComputeResult(); ResourceExhausted if there are as many entries as the
  // capacity, or too few free extents; DataLoss for damage. A store that evicts
  // has room for all that CheckSizes() accepts; it may have evicted entries before it met damage.
  // REQUIRES: CheckSizes() of the key and
  // of update.value returned OK.
  absl::StatusOr<uint64_t> Put(const PutRequest& request) CUBBY_REQUIRES_WRITER_LOCK;

  // Returns NotFound, without a message, if there is no such entry.
  absl::Status Delete(absl::string_view key, uint64_t hash) CUBBY_REQUIRES_WRITER_LOCK;
  // The same, and copies the value of the entry that it deletes to *value. Returns DataLoss, with
  // nothing deleted, if the value is damaged.
  absl::StatusOr<Existing> Take(absl::string_view key, uint64_t hash,
                                std::string* value) CUBBY_REQUIRES_WRITER_LOCK;

  // What Lease() finds or does.
  struct Leased {
    enum class Outcome { kValue, kGranted, kHeld } outcome = Outcome::kValue;
    Existing existing;      // kValue: the key's entry
    uint64_t revision = 0;  // of the lease
    // kHeld: as in its LeaseRecord.
    uint64_t owner = 0;
    uint64_t bound_ns = 0;
    // Not kValue: the expiry of the value that has expired, which *value is then; 0: the lease
    // keeps none.
    uint64_t stale_expiry_ns = 0;
  };
  // Looks for the key's entry. If there is one, copies its value to *value. If there is none, and
  // no lease, or one that `request` takes over, makes a lease, which keeps the value that has
  // expired, if that still is there and fits. The lease counts as an entry, and every other update
  // or delete of the key ends it. Errors as Put(), with nothing changed; Unimplemented, naming the
  // remedy, if the store has no leases.
  absl::StatusOr<Leased> Lease(const LeaseRequest& request,
                               std::string* value) CUBBY_REQUIRES_WRITER_LOCK;
  // Ends the key's lease, if it has that revision (kFill does so with a value): leaves the value
  // that had expired before it, or nothing.
  absl::Status EndLease(absl::string_view key, uint64_t hash,
                        uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK;

  // The outcome of ClearBucket(): how many entries it deleted, and DataLoss if it left a damaged
  // one.
  struct Cleared {
    uint32_t removed = 0;
    absl::Status damage;
  };
  // Deletes those entries of `bucket` that have expired by `now_ns`, and been kept as long after it
  // as their puts said, and of those behind it that it would move. No move takes an entry past a
  // sweep that had expired when the sweep began. REQUIRES: `now_ns` is not 0.
  Cleared ClearExpired(uint64_t bucket, uint64_t now_ns) CUBBY_REQUIRES_WRITER_LOCK;
  // Deletes the entries of `bucket`, and those that live behind it and have their home in it or
  // before: then no entry from behind can move there, unless it lives more than kLongestPath
  // buckets behind its home. May delete others behind it.
  Cleared ClearAll(uint64_t bucket) CUBBY_REQUIRES_WRITER_LOCK;

 private:
  // The key's slot, if it has one.
  struct Located {
    Place place;
    bool slot_found = false;
    bool visible = false;  // and neither expired nor a lease
  };
  // An entry that goes to make room.
  struct Victim {
    Place place;
    uint64_t hash = 0;
    ChangeKind kind = ChangeKind::kEvict;  // or kExpire
  };
  // What a put leaves.
  struct Content {
    absl::string_view value;
    uint64_t expiry_ns = 0;
    uint32_t flags = 0;  // kSlotFlagLease and kStaleFlags
  };
  // A put, planned: where its entry goes, and the extents that it takes.
  struct Placement {
    Plan plan;
    Place place;
    uint64_t distance = 0;  // of its bucket from the key's home
    Chain taken;
  };

  static absl::Status Damaged(uint64_t bucket);
  // The errors of CheckSizes().
  absl::Status WrongSizes(absl::string_view key, absl::string_view value) const;
  // Finds the live entry of that key, expired or not. False for damage in located->place.bucket.
  bool Locate(absl::string_view key, uint64_t hash, Located* located) const;
  // True if the key has a lease. REQUIRES: not located.visible.
  bool HasLease(const Located& located) const;
  Existing ExistingIn(const Located& located) const;
  // Copies the value of the live entry in `place`.
  absl::Status CopyValue(const Place& place, std::string* value) const;
  // For updates other than kSet: checks the condition, and sets *update.result.
  absl::Status Decide(const Update& update, const Located& located) const;
  // Chooses the place of the entry and the extents, and plans the commit, after which the entry in
  // `victim`, unless that is null, is gone as the key's old one would be.
  absl::Status PlanPut(const PutRequest& request, const Located& old, const Place* victim,
                       const Content& content, Placement* placement) const;
  // The rest of a put, once it is known what it leaves, in a store that evicts.
  absl::StatusOr<uint64_t> PutEvicting(const PutRequest& request, Located old,
                                       Content content) CUBBY_REQUIRES_WRITER_LOCK;
  // Evicts entries with extents until an entry of that key and value has enough, or there is none
  // left but the key's own.
  absl::Status EvictForExtents(const PutRequest& request, absl::string_view value,
                               Located* old) CUBBY_REQUIRES_WRITER_LOCK;
  // Returns what there is to know of the entry in `place` before it goes. DataLoss if it is
  // damaged.
  absl::StatusOr<Victim> VictimIn(const Place& place) const;
  // Remembers the key of a victim that has not expired.
  void LeaveGhostOf(const Victim& victim) CUBBY_REQUIRES_WRITER_LOCK;
  // Deletes the victim, and fills the hole that it leaves.
  absl::Status Evict(const Victim& victim) CUBBY_REQUIRES_WRITER_LOCK;
  // How many bytes of an entry lie in extents.
  uint64_t BytesInExtents(absl::string_view key, size_t value_bytes) const;
  uint32_t Live(uint64_t bucket) const;
  // True if the bucket can take one more entry: one way stays dead, for the next overwrite.
  bool HasRoom(uint64_t bucket) const;
  // Returns the first bucket, from the key's home on, that can take one more entry.
  absl::StatusOr<uint64_t> FindRoom(uint64_t home) const;
  // Of a bucket with these live ways, returns the next dead one after `after`, so that the way
  // vacated last, which readers may still be copying, is taken last. REQUIRES: there is one.
  uint32_t ChooseDeadWay(uint32_t live, uint32_t after) const;
  // Step 4 of a commit.
  void FillSlot(const Placement& placement, absl::string_view key, uint64_t hash,
                const Content& content, uint64_t revision) CUBBY_REQUIRES_WRITER_LOCK;
  // Deletes the expired entries in `ways` of `bucket`, or all.
  void ClearWays(uint64_t bucket, uint32_t ways, bool everything, uint64_t now_ns,
                 Cleared* cleared) CUBBY_REQUIRES_WRITER_LOCK;
  // Chooses the entry farthest behind `hole`, in the next kBucketsPerMove buckets, whose home is
  // there or before. False if there is none. Needs no lock to guess.
  bool ChooseForHole(uint64_t hole, Place* place) const;
  // Moves an entry from behind a bucket that has room into it, then one from behind to where that
  // was, and so on. `hole.way` was vacated last. Deletes entries that it would move and that are
  // gone by `now_ns`. False if it moved none.
  bool PullBack(Place hole, uint64_t now_ns) CUBBY_REQUIRES_WRITER_LOCK;
  // Moves the live entry in `from`, whose key has that hash, to the hole's bucket.
  bool Move(const Place& from, uint64_t hash, const Place& hole) CUBBY_REQUIRES_WRITER_LOCK;
  // Sets what a head, the hints and the distances say of a way that is not live yet.
  void SetTag(const Place& place, uint64_t hash, uint64_t distance) CUBBY_REQUIRES_WRITER_LOCK;
  // The part of it for entries that take extents: lengths, key or its hash, link and chain.
  void FillExtents(const Chain& chain, absl::string_view key, uint64_t hash, const Content& content,
                   uint64_t sequence, SlotHead* slot) CUBBY_REQUIRES_WRITER_LOCK;
  // Deletes the entry or lease. NotFound if it is not visible.
  absl::Status Remove(const Located& located, uint64_t hash) CUBBY_REQUIRES_WRITER_LOCK;
  // Deletes the live entry in `place`; `kind` says why. REQUIRES: `hash` is its key's.
  absl::Status Erase(const Place& place, uint64_t hash, ChangeKind kind) CUBBY_REQUIRES_WRITER_LOCK;
  // The same, planned, while commits are recorded.
  absl::Status EraseRecording(const Place& place, ChangeKind kind,
                              const Plan& plan) CUBBY_REQUIRES_WRITER_LOCK;
  // The end of a put into a store that does not evict, while commits are recorded.
  uint64_t PutRecording(const PutRequest& request, const Located& old, const Content& content,
                        const Placement& placement) CUBBY_REQUIRES_WRITER_LOCK;
  // What the record of a put says.
  ChangeKind KindOfPut(const Located& old, const Content& content) const;
  // Sets the record of the entry in `place`, which goes. DataLoss if its key is damaged.
  absl::Status NoteGone(const Place& place, ChangeKind kind, Changes::Gone* gone) const;
  // Returns the hash of the key of a live way; DataLoss if no put left the slot so.
  absl::StatusOr<uint64_t> HashOf(const Place& place) const;
  bool HasExpired(const SlotHead& slot) const;
  // True if a sweep at `now_ns` would remove the entry. kByClock reads the clock, and only if it
  // matters.
  bool IsGone(const SlotHead& slot, uint64_t now_ns) const;
  static constexpr uint64_t kByClock = 0;

  const WritableTable& table_;
  const os::Clock clock_;
};

inline bool Writer::HasExpired(const SlotHead& slot) const {
  const uint64_t expiry = slot.expiry_ns.load(std::memory_order_relaxed);
  return expiry != 0 && clock_() >= expiry;
}

// Always inlined, as all that a put calls.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool Writer::Locate(absl::string_view key, uint64_t hash,
                                                        Located* located) const {
  const Geometry& geometry = table_.geometry();
  const uint8_t tag = TagOf(hash);
  Place& place = located->place;
  place.bucket = HomeBucket(hash, geometry.bucket_count);
  for (uint64_t probes = 0; probes < geometry.bucket_count; ++probes) {
    const Bucket bucket = table_.bucket(place.bucket);
    const BucketHead& head = bucket.head();
    uint32_t candidates = MatchTags(head.tags, tag) &
                          LiveWays(head.word0.load(std::memory_order_relaxed)) & geometry.ways_mask;
    for (; candidates != 0; candidates &= candidates - 1) {
      place.way = static_cast<uint32_t>(__builtin_ctz(candidates));
      const SlotHead& slot = bucket.slot(place.way);
      const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
      if (!LengthsArePossible(geometry, lengths)) return false;
      const Look look = CompareKey(table_, slot, lengths, key, hash);
      if (look == Look::kDamaged) return false;
      if (look == Look::kWhole) {
        located->slot_found = true;
        located->visible = !lengths.lease() && !HasExpired(slot);
        return true;
      }
    }
    if (OverflowCount(head, OverflowClass(hash)) == 0) break;
    place.bucket = table_.NextBucket(place.bucket);
  }
  return true;
}

inline uint64_t Writer::BytesInExtents(absl::string_view key, size_t value_bytes) const {
  const Geometry& geometry = table_.geometry();
  const size_t key_room = RoundUp8(key.size());
  if (key_room + value_bytes <= geometry.max_inline_bytes) return 0;
  const bool long_key = key.size() > geometry.max_inline_key_bytes;
  return (long_key ? key_room : 0) + value_bytes;
}

inline bool Writer::HasLease(const Located& located) const {
  return located.slot_found && UnpackLengths(table_.slot(located.place.bucket, located.place.way)
                                                 .lengths.load(std::memory_order_relaxed))
                                   .lease();
}

inline bool Writer::IsGone(const SlotHead& slot, uint64_t now_ns) const {
  const uint64_t gone = GoneNs(slot);
  return gone != 0 && (now_ns == kByClock ? clock_() : now_ns) >= gone;
}

inline uint32_t Writer::Live(uint64_t bucket) const {
  return LiveWays(table_.head(bucket).word0.load(std::memory_order_relaxed)) &
         table_.geometry().ways_mask;
}

inline bool Writer::HasRoom(uint64_t bucket) const {
  return static_cast<uint32_t>(__builtin_popcount(Live(bucket))) + 1 < table_.geometry().ways;
}

inline uint32_t Writer::ChooseDeadWay(uint32_t live, uint32_t after) const {
  const uint32_t dead = ~live & table_.geometry().ways_mask;
  const uint32_t behind = dead & ~((2u << after) - 1);
  return static_cast<uint32_t>(__builtin_ctz(behind != 0 ? behind : dead));
}

inline void Writer::SetTag(const Place& place, uint64_t hash, uint64_t distance) {
  const uint8_t tag = TagOf(hash);
  table_.mutable_head(place.bucket).tags[place.way].store(tag, std::memory_order_relaxed);
  table_.mutable_hints(place.bucket).tags[place.way].store(tag, std::memory_order_relaxed);
  std::atomic<uint64_t>& distances = table_.mutable_distances(place.bucket).distances;
  const uint64_t before = distances.load(std::memory_order_relaxed);
  const uint32_t shift = 4 * place.way;
  const uint64_t change =
      (before >> shift & kMostDistance) ^ std::min<uint64_t>(distance, kMostDistance);
  if (ABSL_PREDICT_FALSE(change != 0))
    distances.store(before ^ change << shift, std::memory_order_relaxed);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_WRITER_H_
