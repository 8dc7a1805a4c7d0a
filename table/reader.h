// Gets: look a key up in a table that others may be writing, with no lock, no store and no system
// call.
//
// A live way is never written. A writer fills a dead way and then, with one store of word0, makes
// it live and the way of the old value dead; word0 carries the revision of that commit. So
//   - a hit requires that the slot's sequence is the same before and after the copy, and that its
//     revision was committed when word0 was loaded (revision <= that of word0). Then the entry was
//     the key's at that load. The second condition matters: a stale word0 may lead to a way that
//     has since died and been filled, whole, by a put that has not committed and may never;
//   - a miss requires that word0 did not change while the bucket's tags were examined, and that the
//     bucket's overflow count for the key's class was 0. A miss behind the home bucket also
//     requires that no bucket before it has changed since it was examined: the entry may have moved
//     there.
//
// An entry only moves towards its home, with its revision, and is then taken only if word0 has not
// changed (kMovedBit): its revision does not tell whether the move was committed.
//
// Bounded: returns kContended after kMaxRounds disturbed rounds. Hostile bytes: every index and
// length is loaded once and checked against the private Geometry before it is used; the geometry
// bounds the number of buckets and extents visited.
//
// Safe from many threads; a Reader has no state of its own.
#ifndef CUBBY_TABLE_READER_H_
#define CUBBY_TABLE_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "os/clock.h"
#include "table/bytes.h"
#include "table/hash.h"
#include "table/match.h"
#include "table/table.h"

namespace cubby::table {

enum class Outcome {
  kFound,
  kNotFound,
  kTooSmall,   // found, but longer than the sink; Found::value_bytes has the length
  kContended,  // disturbed in every round
  kDamaged,    // bytes that no writer leaves
};

// The outcome of reading one way; shared with iteration (table/scan.h).
enum class Look {
  kWhole,  // an entry that was live when word0 was loaded
  kOtherKey,
  kTooSmall,
  kDisturbed,  // a writer interfered: load word0 again
  kDamaged,
};

struct Found {
  uint32_t value_bytes = 0;
  uint64_t revision = 0;
  uint64_t expiry_ns = 0;  // 0: never
  Place place;             // where the entry was
  bool lease = false;      // only by GetHidden()
};

// A disturbed round costs a writer a put, some 50 ns, and the reader about as much. A reader that
// loses this many races in a row has spent some microseconds.
inline constexpr int kMaxRounds = 64;

// Where a value goes. Reserve(n) returns true if there is room for n bytes at data(). It may be
// called again in a later round; the last call counts.
class BufferSink {
 public:
  BufferSink(char* data, size_t size) : data_(data), size_(size) {}
  bool Reserve(size_t bytes) const { return bytes <= size_; }
  char* data() const { return data_; }

 private:
  char* data_;
  size_t size_;
};
class StringSink {
 public:
  explicit StringSink(std::string* value) : value_(value) {}
  bool Reserve(size_t bytes) const {
    value_->resize(bytes);
    return true;
  }
  char* data() const { return &(*value_)[0]; }

 private:
  std::string* value_;
};
struct NoSink {};  // for existence only

class Reader {
 public:
  // Calls `clock` if the entry found has an expiry.
  explicit Reader(const Table& table, os::Clock clock = os::BootNanos)
      : table_(table), clock_(clock) {}

  // Looks `key` up. With outcomes other than kFound the sink's bytes are unspecified.
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Outcome Get(absl::string_view key, const Sink& sink,
                                           Found* found) const {
    const uint64_t hash = HashKey(key, table_.geometry().hash_seed);
    PrefetchLookup(table_, hash);
    return GetPrefetched(key, hash, sink, found);
  }
  // The same for a key whose hash is known and whose bucket was prefetched.
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Outcome GetPrefetched(absl::string_view key, uint64_t hash,
                                                     const Sink& sink, Found* found) const {
    const Outcome outcome = TryOnce(key, hash, sink, found);
    if (ABSL_PREDICT_TRUE(outcome != Outcome::kContended)) return outcome;
    // Copies: nothing that the fast path uses needs an address, so that it stays in registers.
    const Reader reader = *this;
    const Sink sink_in_rounds = sink;
    Found in_rounds;
    const Outcome final = reader.GetInRounds(key, sink_in_rounds, &in_rounds);
    *found = in_rounds;
    return final;
  }
  // The same without the fast path. Not inlined, and hashes again, so that it takes no registers of
  // the fast path.
  template <typename Sink>
  ABSL_ATTRIBUTE_NOINLINE Outcome GetInRounds(absl::string_view key, const Sink& sink,
                                              Found* found) const {
    return GetInRoundsAs</*kHidden=*/false>(key, sink, found);
  }
  // Finds leases, and entries that have expired and still are there, too: found->lease tells the
  // first, found->expiry_ns the second. The value of a lease begins with its record.
  Outcome GetHidden(absl::string_view key, std::string* value, Found* found) const;
  // The same without the value.
  Outcome FindHidden(absl::string_view key, Found* found) const;

 private:
  template <bool kHidden, typename Sink>
  Outcome GetInRoundsAs(absl::string_view key, const Sink& sink, Found* found) const;

  // Fast path: first tag match, inline key and value. kFound and kNotFound are final; kContended
  // means: call GetInRounds().
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Outcome TryOnce(absl::string_view key, uint64_t hash,
                                               const Sink& sink, Found* found) const;
  // True if a key of that length can exist. (The subtraction makes 0 too long.)
  bool LengthIsPossible(absl::string_view key) const {
    return key.size() - 1 < table_.geometry().max_key_bytes;
  }
  // Reads the slot of a way that was live in `word0`, if it holds `key`, whose hash is `hash`.
  template <typename Sink>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Look LookAt(const BucketHead& head, uint64_t word0,
                                           const SlotHead& slot, absl::string_view key,
                                           uint64_t hash, const Sink& sink, Found* found) const;

  // The sum of the word0 of [from, to). It changes if one of them does: the upper 48 bits of each
  // only rise.
  uint64_t SumOfWord0(uint64_t from, uint64_t to) const;

  const Table& table_;
  const os::Clock clock_;
};

// The first extent of a slot's chain. REQUIRES: it has one, and its lengths are possible.
inline uint32_t FirstExtent(const SlotHead& slot, const SlotLengths& lengths) {
  const char* link = SlotBytes(slot) + lengths.key_room();
  return static_cast<uint32_t>(WordAt(link).load(std::memory_order_relaxed));
}

// Copies `bytes` of a chain of extents, from `begin` on, to `to`. `begin` is a multiple of 8.
// Returns kWhole if each extent up to there is of the slot that has that sequence, else kDamaged;
// does not check the slot's own. (An extent's sequence is without kMovedBit.)
Look CopyChain(const Table& table, uint32_t first, uint64_t sequence, uint64_t begin,
               uint64_t bytes, char* to);

// Compares `key`, whose hash is `hash`, with the long key of a slot whose sequence and lengths were
// loaded before. Returns kDamaged if these, or the chain, cannot be those of a live entry.
Look CompareLongKey(const Table& table, const SlotHead& slot, uint64_t sequence,
                    const SlotLengths& lengths, absl::string_view key, uint64_t hash);

// True if an entry of `revision` was surely committed no later than the commit of `word0`. That has
// the low 48 bits of its own revision, which is therefore at least that number. The comparison is
// not modulo 2^48: a bucket may have had no commit for any number of revisions, and an uncommitted
// entry may be newer by as many. Once 2^48 revisions are used, committed entries may fail the
// comparison: an unchanged word0 confirms them instead.
inline bool CommittedBy(uint64_t word0, uint64_t revision) { return revision <= word0 >> 16; }

// To be called after the copy of what lies in the slot. Returns kWhole if what was read of `slot`
// while its sequence was `sequence` is the entry that was live there when `word0` was loaded from
// `head`; else kDisturbed.
inline Look Confirm(const BucketHead& head, uint64_t word0, const SlotHead& slot,
                    uint64_t sequence) {
  // Acquire fence: as in CopyChain, for the slot's own bytes.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (ABSL_PREDICT_FALSE(!CommittedBy(word0, sequence >> 1)) &&
      head.word0.load(std::memory_order_relaxed) != word0) {
    return Look::kDisturbed;
  }
  return slot.sequence.load(std::memory_order_relaxed) == sequence ? Look::kWhole
                                                                   : Look::kDisturbed;
}

// Returns the BootNanos() from which on a get does not find the entry; 0: it finds it always. A
// lease is never found.
inline uint64_t ExpiryOf(const SlotHead& slot, const SlotLengths& lengths) {
  return ABSL_PREDICT_FALSE(lengths.lease()) ? 1 : slot.expiry_ns.load(std::memory_order_relaxed);
}

// For bytes that no writer leaves in a live way: returns kDamaged if word0 still is `word0`, so
// that the way was live throughout, else kDisturbed.
Look DamagedUnlessDisturbed(const BucketHead& head, uint64_t word0);

// Copies the value of a way that was live in `word0` to `sink`, and confirms all that was read of
// `slot` since its sequence and lengths were loaded. REQUIRES: these are possible.
template <typename Sink>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Look CopyValue(const Table& table, const BucketHead& head,
                                                   uint64_t word0, const SlotHead& slot,
                                                   uint64_t sequence, const SlotLengths& lengths,
                                                   const Sink& sink) {
  if constexpr (!std::is_same_v<Sink, NoSink>) {
    if (ABSL_PREDICT_FALSE(lengths.in_extents())) {
      // Confirmed before the copy, so that a torn entry's length, which may be large, reserves no
      // memory, and so that commits of other entries during a long copy do not disturb it: the
      // extents' own sequences tell whether the value is whole, for none is filled twice with the
      // same one.
      const uint32_t first = FirstExtent(slot, lengths);
      const Look look = Confirm(head, word0, slot, sequence);
      if (look != Look::kWhole) return look;
      if (!sink.Reserve(lengths.value_bytes)) return Look::kTooSmall;
      return CopyChain(table, first, sequence, lengths.key_in_chain(), lengths.value_bytes,
                       sink.data()) == Look::kWhole
                 ? Look::kWhole
                 : DamagedUnlessDisturbed(head, word0);
    }
    if (ABSL_PREDICT_FALSE(!sink.Reserve(lengths.value_bytes))) {
      const Look look = Confirm(head, word0, slot, sequence);
      return look == Look::kWhole ? Look::kTooSmall : look;
    }
    CopyFromShared(sink.data(), SlotBytes(slot) + RoundUp8(lengths.key_bytes), lengths.value_bytes);
  }
  return Confirm(head, word0, slot, sequence);
}

template <typename Sink>
inline Look Reader::LookAt(const BucketHead& head, uint64_t word0, const SlotHead& slot,
                           absl::string_view key, uint64_t hash, const Sink& sink,
                           Found* found) const {
  const Geometry& geometry = table_.geometry();
  // Acquire: the bytes read next are at least as new as this sequence.
  const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
  if (ABSL_PREDICT_FALSE(lengths.long_key())) {
    const Look look = CompareLongKey(table_, slot, sequence, lengths, key, hash);
    if (look == Look::kDamaged) return DamagedUnlessDisturbed(head, word0);
    if (look != Look::kWhole) return look;
  } else if (ABSL_PREDICT_FALSE(lengths.key_bytes != key.size() ||
                                key.size() > geometry.max_inline_bytes ||
                                !EqualsShared(SlotBytes(slot), key.data(), key.size()))) {
    // If these were torn bytes of this key, word0 has changed, and the miss will not be confirmed.
    return (sequence & 1) == 0 && LengthsArePossible(geometry, lengths)
               ? Look::kOtherKey
               : DamagedUnlessDisturbed(head, word0);
  }
  if (ABSL_PREDICT_FALSE((sequence & 1) != 0 || !ValueLengthIsPossible(geometry, lengths))) {
    return DamagedUnlessDisturbed(head, word0);
  }
  found->value_bytes = lengths.value_bytes;
  found->revision = RevisionOf(sequence);
  found->expiry_ns = ExpiryOf(slot, lengths);
  found->lease = lengths.lease();
  return CopyValue(table_, head, word0, slot, sequence, lengths, sink);
}

template <typename Sink>
inline Outcome Reader::TryOnce(absl::string_view key, uint64_t hash, const Sink& sink,
                               Found* found) const {
  const Geometry& geometry = table_.geometry();
  if (ABSL_PREDICT_FALSE(!LengthIsPossible(key))) return Outcome::kNotFound;
  // The steps of GetInRounds(), which explains them; only what differs is explained here.
  const uint64_t home = HomeBucket(hash, geometry.bucket_count);
  const Bucket bucket = table_.bucket(home);
  const BucketHead& head = bucket.head();
  const uint64_t word0 = head.word0.load(std::memory_order_acquire);
  const uint32_t candidates =
      MatchTags(head.tags, TagOf(hash)) & LiveWays(word0) & geometry.ways_mask;
  if (candidates == 0) {
    const uint32_t overflow = OverflowCount(head, OverflowClass(hash));
    std::atomic_thread_fence(std::memory_order_acquire);
    return overflow == 0 && head.word0.load(std::memory_order_relaxed) == word0
               ? Outcome::kNotFound
               : Outcome::kContended;
  }
  const auto way = static_cast<uint32_t>(__builtin_ctz(candidates));
  const SlotHead& slot = bucket.slot(way);
  const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
  const uint64_t lengths = slot.lengths.load(std::memory_order_relaxed);
  const auto value_bytes = static_cast<uint32_t>(lengths);
  const char* const bytes = SlotBytes(slot);
  const size_t key_room = RoundUp8(key.size());
  // The key's length, and no flag that changes what the bytes are, in one comparison. The last but
  // one keeps the bytes that are compared inside the slot, however long the key is.
  if (ABSL_PREDICT_FALSE((lengths >> 32 & geometry.length_mask) != key.size() ||
                         (sequence & 1) != 0 || value_bytes > geometry.max_value_bytes ||
                         key_room + value_bytes > geometry.max_inline_bytes ||
                         !EqualsShared(bytes, key.data(), key.size()))) {
    return Outcome::kContended;
  }
  found->value_bytes = value_bytes;
  found->revision = RevisionOf(sequence);
  found->expiry_ns = slot.expiry_ns.load(std::memory_order_relaxed);
  found->place = {home, way};
  if constexpr (!std::is_same_v<Sink, NoSink>) {
    if (ABSL_PREDICT_FALSE(!sink.Reserve(value_bytes))) return Outcome::kContended;
    CopyFromShared(sink.data(), bytes + key_room, value_bytes);
  }
  return Confirm(head, word0, slot, sequence) == Look::kWhole &&
                 (found->expiry_ns == 0 || clock_() < found->expiry_ns)
             ? Outcome::kFound
             : Outcome::kContended;
}

template <bool kHidden, typename Sink>
Outcome Reader::GetInRoundsAs(absl::string_view key, const Sink& sink, Found* found) const {
  const Geometry& geometry = table_.geometry();
  const uint64_t hash = HashKey(key, geometry.hash_seed);
  const uint8_t tag = TagOf(hash);
  if (ABSL_PREDICT_FALSE(!LengthIsPossible(key))) return Outcome::kNotFound;

  const uint64_t home = HomeBucket(hash, geometry.bucket_count);
  uint64_t index = home;
  uint64_t passed = 0;  // the sum of the word0 of [home, index)
  for (int disturbed = 0;;) {
    if (ABSL_PREDICT_FALSE(disturbed == kMaxRounds)) return Outcome::kContended;
    const Bucket bucket = table_.bucket(index);
    const BucketHead& head = bucket.head();
    // Acquire: pairs with the commit's release. Slots that are live in this word0 are seen as
    // written before it, or later.
    const uint64_t word0 = head.word0.load(std::memory_order_acquire);
    uint32_t candidates = MatchTags(head.tags, tag) & LiveWays(word0) & geometry.ways_mask;
    Look look = Look::kOtherKey;
    for (; candidates != 0 && look == Look::kOtherKey; candidates &= candidates - 1) {
      const auto way = static_cast<uint32_t>(__builtin_ctz(candidates));
      look = LookAt(head, word0, bucket.slot(way), key, hash, sink, found);
      found->place = {index, way};
      if (ABSL_PREDICT_TRUE(look == Look::kWhole && (kHidden || found->expiry_ns == 0))) {
        return Outcome::kFound;
      }
    }
    switch (look) {
      case Look::kWhole:
      case Look::kTooSmall:
        if (found->expiry_ns != 0 && clock_() >= found->expiry_ns) {
          // Absent only if this still was the key's entry when it expired: it may have been
          // overwritten before that.
          std::atomic_thread_fence(std::memory_order_acquire);
          if (head.word0.load(std::memory_order_relaxed) == word0) return Outcome::kNotFound;
          ++disturbed;
          continue;
        }
        return look == Look::kWhole ? Outcome::kFound : Outcome::kTooSmall;
      case Look::kDamaged:
        return Outcome::kDamaged;
      case Look::kDisturbed:
        ++disturbed;
        continue;
      case Look::kOtherKey:
        break;
    }
    const uint32_t overflow = OverflowCount(head, OverflowClass(hash));
    // Acquire fence: what was read above is not newer than the word0 loaded below, so all of it is
    // of one state.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (ABSL_PREDICT_FALSE(head.word0.load(std::memory_order_relaxed) != word0)) {
      ++disturbed;
      continue;
    }
    const uint64_t next = table_.NextBucket(index);
    if (overflow == 0 || next == home) {
      if (ABSL_PREDICT_TRUE(index == home || SumOfWord0(home, index) == passed)) {
        return Outcome::kNotFound;
      }
      ++disturbed;
      index = home;
      passed = 0;
      continue;
    }
    passed += word0;
    index = next;
    PrefetchLookup(table_, index, tag);
  }
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_READER_H_
