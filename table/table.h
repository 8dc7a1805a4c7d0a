// A laid-out store in memory: where each bucket, slot and extent lies. Works on any buffer, which
// outlives the Table.
#ifndef CUBBY_TABLE_TABLE_H_
#define CUBBY_TABLE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/types/optional.h"
#include "table/bytes.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::table {

// One bucket of a table.
class Bucket {
 public:
  Bucket(const char* head, const char* slots, uint64_t slot_bytes)
      : head_(head), slots_(slots), slot_bytes_(slot_bytes) {}
  const BucketHead& head() const { return *reinterpret_cast<const BucketHead*>(head_); }
  const SlotHead& slot(uint32_t way) const {
    return *reinterpret_cast<const SlotHead*>(slots_ + way * slot_bytes_);
  }

 private:
  const char* head_;
  const char* slots_;
  uint64_t slot_bytes_;
};

// A way of a bucket.
struct Place {
  uint64_t bucket = 0;
  uint32_t way = 0;
};

// Read access: works on write-protected memory. REQUIRES: indices are in range.
class Table {
 public:
  Table(const char* memory, const Geometry& geometry) : memory_(memory), geometry_(geometry) {}

  const Geometry& geometry() const { return geometry_; }
  const FixedPart& fixed() const { return *reinterpret_cast<const FixedPart*>(memory_); }
  const HintRow& hints(uint64_t bucket) const {
    return *reinterpret_cast<const HintRow*>(memory_ + kHeaderBytes + bucket * sizeof(HintRow));
  }
  Bucket bucket(uint64_t index) const {
    return Bucket(memory_ + geometry_.heads_offset + index * sizeof(BucketHead),
                  memory_ + geometry_.slots_offset + index * geometry_.bucket_bytes,
                  geometry_.slot_bytes);
  }
  const DistanceRow& distances(uint64_t bucket) const {
    return *reinterpret_cast<const DistanceRow*>(memory_ + geometry_.distances_offset +
                                                 bucket * sizeof(DistanceRow));
  }
  const BucketHead& head(uint64_t bucket) const { return this->bucket(bucket).head(); }
  const SlotHead& slot(uint64_t bucket, uint32_t way) const {
    return this->bucket(bucket).slot(way);
  }
  const ExtentHead& extent(uint32_t index) const {
    return *reinterpret_cast<const ExtentHead*>(memory_ + geometry_.extents_offset +
                                                uint64_t{index} * geometry_.extent_bytes);
  }
  // Word `index` of the extent map, or of its summary behind it.
  const std::atomic<uint64_t>& extent_map(uint64_t index) const {
    return *reinterpret_cast<const std::atomic<uint64_t>*>(memory_ + geometry_.extent_map_offset +
                                                           index * sizeof(uint64_t));
  }

  // REQUIRES: geometry().has_expiries, and the group is below ExpiryGroups().
  const GroupExpiry& group_expiry(uint64_t group) const {
    return *reinterpret_cast<const GroupExpiry*>(memory_ + geometry_.expiries_offset +
                                                 group * sizeof(GroupExpiry));
  }

  // The word of the change ring at a position that is a multiple of 8. REQUIRES:
  // geometry().changes_bytes is not 0.
  const std::atomic<uint64_t>& change_word(uint64_t position) const {
    return *reinterpret_cast<const std::atomic<uint64_t>*>(
        memory_ + geometry_.changes_offset + (position & (geometry_.changes_bytes - 8)));
  }

  // These three REQUIRE: geometry().evicts().
  const MarkRow& marks(uint64_t bucket) const {
    return *reinterpret_cast<const MarkRow*>(memory_ + geometry_.marks_offset +
                                             bucket * sizeof(MarkRow));
  }
  const RankRow& ranks(uint64_t bucket) const {
    return *reinterpret_cast<const RankRow*>(memory_ + geometry_.ranks_offset +
                                             bucket * sizeof(RankRow));
  }
  const GhostRow& ghosts(uint64_t bucket) const {
    return *reinterpret_cast<const GhostRow*>(memory_ + geometry_.ghosts_offset +
                                              bucket * sizeof(GhostRow));
  }

  uint64_t NextBucket(uint64_t bucket) const {
    return bucket + 1 == geometry_.bucket_count ? 0 : bucket + 1;
  }
  uint64_t PreviousBucket(uint64_t bucket) const {
    return (bucket == 0 ? geometry_.bucket_count : bucket) - 1;
  }
  // How many buckets `to` comes after `from`, wrapping at the end of the table.
  uint64_t Distance(uint64_t from, uint64_t to) const {
    return to >= from ? to - from : to + geometry_.bucket_count - from;
  }

 private:
  const char* memory_;
  Geometry geometry_;
};

// Read and write access.
class WritableTable : public Table {
 public:
  WritableTable(char* memory, const Geometry& geometry) : Table(memory, geometry) {}

  FixedPart& mutable_fixed() const { return const_cast<FixedPart&>(fixed()); }
  HintRow& mutable_hints(uint64_t bucket) const { return const_cast<HintRow&>(hints(bucket)); }
  DistanceRow& mutable_distances(uint64_t bucket) const {
    return const_cast<DistanceRow&>(distances(bucket));
  }
  GroupExpiry& mutable_group_expiry(uint64_t group) const {
    return const_cast<GroupExpiry&>(group_expiry(group));
  }
  std::atomic<uint64_t>& mutable_change_word(uint64_t position) const {
    return const_cast<std::atomic<uint64_t>&>(change_word(position));
  }
  MarkRow& mutable_marks(uint64_t bucket) const { return const_cast<MarkRow&>(marks(bucket)); }
  RankRow& mutable_ranks(uint64_t bucket) const { return const_cast<RankRow&>(ranks(bucket)); }
  GhostRow& mutable_ghosts(uint64_t bucket) const { return const_cast<GhostRow&>(ghosts(bucket)); }
  BucketHead& mutable_head(uint64_t bucket) const { return const_cast<BucketHead&>(head(bucket)); }
  SlotHead& mutable_slot(uint64_t bucket, uint32_t way) const {
    return const_cast<SlotHead&>(slot(bucket, way));
  }
  ExtentHead& mutable_extent(uint32_t index) const {
    return const_cast<ExtentHead&>(extent(index));
  }
  std::atomic<uint64_t>& mutable_extent_map(uint64_t index) const {
    return const_cast<std::atomic<uint64_t>&>(extent_map(index));
  }
};

inline const char* SlotBytes(const SlotHead& slot) {
  return reinterpret_cast<const char*>(&slot) + kSlotHeadBytes;
}
inline char* SlotBytes(SlotHead& slot) { return reinterpret_cast<char*>(&slot) + kSlotHeadBytes; }
// The hash of a long key.
inline uint64_t LongKeyHash(const SlotHead& slot) {
  return WordAt(SlotBytes(slot)).load(std::memory_order_relaxed);
}
inline const char* ExtentBytes(const ExtentHead& extent) {
  return reinterpret_cast<const char*>(&extent) + kExtentHeadBytes;
}
inline char* ExtentBytes(ExtentHead& extent) {
  return reinterpret_cast<char*>(&extent) + kExtentHeadBytes;
}

// Acquire: pairs with SetState(); what was done to the table before the state was set is seen.
inline State StateOf(const Table& table) {
  return static_cast<State>(table.fixed().state.state.load(std::memory_order_acquire) & 0xff);
}
// The number of the generation that is said to supersede this one; nullopt if none is.
inline absl::optional<uint64_t> SuccessorOf(const Table& table) {
  // Acquire: as StateOf().
  const uint64_t state = table.fixed().state.state.load(std::memory_order_acquire);
  if (static_cast<State>(state & 0xff) != State::kSuperseded) return absl::nullopt;
  return state >> 8;
}

// Relaxed: publishes nothing. Any value but the three means what kUnknown does.
inline AtEnd AtEndOf(const StateLine& line) {
  return static_cast<AtEnd>(line.at_end.load(std::memory_order_relaxed));
}

// Release: see StateOf().
inline void SetState(const WritableTable& table, State state) {
  table.mutable_fixed().state.state.store(static_cast<uint64_t>(state), std::memory_order_release);
}

// word0 and SlotHead::lengths, unpacked and packed.
inline uint64_t MakeWord0(uint64_t revision, uint32_t live) { return revision << 16 | live; }
inline uint32_t LiveWays(uint64_t word0) { return static_cast<uint32_t>(word0 & 0xffff); }

// The revision in a slot's sequence.
inline uint64_t RevisionOf(uint64_t sequence) { return (sequence & ~kMovedBit) >> 1; }

// Returns the ways of a bucket, a bit for each, whose entries live `least` buckets or more behind
// their homes. REQUIRES: 1 <= least <= 8.
inline uint32_t WaysBehind(const DistanceRow& row, uint32_t least) {
  constexpr uint64_t kOnes = 0x1111'1111'1111'1111;
  const uint64_t distances = row.distances.load(std::memory_order_relaxed);
  // The highest bit of each 4: of the distance, or of the sum of its lower bits and 8 - least.
  uint64_t ways = (distances | ((distances & 7 * kOnes) + (8 - least) * kOnes)) >> 3 & kOnes;
  ways = (ways | ways >> 3) & 0x0303'0303'0303'0303;
  ways = (ways | ways >> 6) & 0x000f'000f'000f'000f;
  ways = (ways | ways >> 12) & 0x0000'00ff'0000'00ff;
  return static_cast<uint32_t>((ways | ways >> 24) & 0xffff);
}

// A class's count in a head: loaded relaxed, and set with release by the owner of the lock.
inline uint32_t OverflowCount(const BucketHead& head, uint32_t overflow_class) {
  const uint64_t counts = head.overflow.load(std::memory_order_relaxed);
  return static_cast<uint32_t>(counts >> 4 * overflow_class & kOverflowFull);
}
inline void SetOverflowCount(BucketHead& head, uint32_t overflow_class, uint32_t count) {
  const uint32_t shift = 4 * overflow_class;
  const uint64_t others =
      head.overflow.load(std::memory_order_relaxed) & ~(uint64_t{kOverflowFull} << shift);
  head.overflow.store(others | uint64_t{count} << shift, std::memory_order_release);
}

struct SlotLengths {
  uint32_t value_bytes;
  uint32_t key_bytes;
  uint32_t flags;
  bool in_extents() const { return (flags & kSlotFlagExtents) != 0; }
  bool long_key() const { return (flags & kSlotFlagLongKey) != 0; }
  bool lease() const { return (flags & kSlotFlagLease) != 0; }
  // How many bytes of the slot come before the value, or before the link.
  size_t key_room() const { return long_key() ? kLongKeyHashBytes : RoundUp8(key_bytes); }
  // How many bytes of the chain come before the value.
  size_t key_in_chain() const { return long_key() ? RoundUp8(key_bytes) : 0; }
  // How many bytes lie in the chain of an entry that has one.
  uint64_t chain_bytes() const { return key_in_chain() + uint64_t{value_bytes}; }
};
inline SlotLengths UnpackLengths(uint64_t lengths) {
  return {static_cast<uint32_t>(lengths), static_cast<uint32_t>(lengths >> 32 & 0xffff),
          static_cast<uint32_t>(lengths >> 48)};
}
inline uint64_t PackLengths(const SlotLengths& lengths) {
  return lengths.value_bytes | uint64_t{lengths.key_bytes} << 32 | uint64_t{lengths.flags} << 48;
}

// ValueLengthIsPossible() of a slot that has flags.
bool FlaggedLengthIsPossible(const Geometry& geometry, const SlotLengths& lengths);

// For lengths read from a slot whose key's length is possible: true if the flags belong together,
// what the slot has of key, value and link lies inside it, and the value is within the store's
// limit. (A lease's is longer by its record.)
inline bool ValueLengthIsPossible(const Geometry& geometry, const SlotLengths& lengths) {
  if (ABSL_PREDICT_FALSE((lengths.flags & geometry.length_mask >> 16) != 0)) {
    return FlaggedLengthIsPossible(geometry, lengths);
  }
  return lengths.value_bytes <= geometry.max_value_bytes &&
         RoundUp8(lengths.key_bytes) + lengths.value_bytes <= geometry.max_inline_bytes;
}

// True if both lengths are possible.
inline bool LengthsArePossible(const Geometry& geometry, const SlotLengths& lengths) {
  return lengths.key_bytes != 0 && lengths.key_bytes <= geometry.max_key_bytes &&
         ValueLengthIsPossible(geometry, lengths);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_TABLE_H_
