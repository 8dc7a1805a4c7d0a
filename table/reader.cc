#include "table/reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "table/bytes.h"

namespace cubby::table {
namespace {

// Calls visit(piece, its bytes) for each piece of `bytes` of a chain, from `begin` on, until it
// returns false. Returns kOtherKey then; else as CopyChain().
template <typename Visit>
Look VisitChain(const Table& table, uint32_t index, uint64_t sequence, uint64_t begin,
                uint64_t bytes, const Visit& visit) {
  const Geometry& geometry = table.geometry();
  sequence &= ~kMovedBit;
  for (uint64_t left = begin + bytes; left != 0;) {
    if (index >= geometry.extent_count) return Look::kDamaged;
    const ExtentHead& extent = table.extent(index);
    // Acquire: the bytes read next are at least as new as this sequence.
    if (extent.sequence.load(std::memory_order_acquire) != sequence) return Look::kDamaged;
    index = extent.next.load(std::memory_order_relaxed);
    const uint64_t here = std::min<uint64_t>(left, geometry.extent_payload);
    const uint64_t skipped = std::min(begin, here);
    if (skipped != here && !visit(ExtentBytes(extent) + skipped, here - skipped)) {
      return Look::kOtherKey;
    }
    // Acquire fence: a byte of a later value was stored after that value's odd sequence, which
    // would be seen below.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (extent.sequence.load(std::memory_order_relaxed) != sequence) return Look::kDamaged;
    begin -= skipped;
    left -= here;
  }
  return Look::kWhole;
}

}  // namespace

bool FlaggedLengthIsPossible(const Geometry& geometry, const SlotLengths& lengths) {
  constexpr uint32_t kOfAllStores = kSlotFlagExtents | kSlotFlagLongKey;
  if ((lengths.flags & ~(kOfAllStores | geometry.lease_flags)) != 0) return false;
  const uint32_t record_bytes = lengths.lease() ? kLeaseRecordBytes : 0;
  // Wraps, to more than any limit, for a lease that is shorter than its record.
  if (lengths.value_bytes - record_bytes > geometry.max_value_bytes) return false;
  if (!lengths.in_extents()) {
    return !lengths.long_key() &&
           RoundUp8(lengths.key_bytes) + lengths.value_bytes <= geometry.max_inline_bytes;
  }
  return lengths.long_key() == (lengths.key_bytes > geometry.max_inline_key_bytes) &&
         lengths.chain_bytes() != 0 &&
         ChainLength(geometry, lengths.chain_bytes()) <= geometry.extent_count;
}

Look DamagedUnlessDisturbed(const BucketHead& head, uint64_t word0) {
  std::atomic_thread_fence(std::memory_order_acquire);
  return head.word0.load(std::memory_order_relaxed) == word0 ? Look::kDamaged : Look::kDisturbed;
}

Look CopyChain(const Table& table, uint32_t first, uint64_t sequence, uint64_t begin,
               uint64_t bytes, char* to) {
  return VisitChain(table, first, sequence, begin, bytes,
                    [&to](const char* piece, size_t piece_bytes) {
                      CopyFromShared(to, piece, piece_bytes);
                      to += piece_bytes;
                      return true;
                    });
}

Look CompareLongKey(const Table& table, const SlotHead& slot, uint64_t sequence,
                    const SlotLengths& lengths, absl::string_view key, uint64_t hash) {
  if ((sequence & 1) != 0 || !LengthsArePossible(table.geometry(), lengths)) return Look::kDamaged;
  // Only a key made for it has the hash of another one.
  if (lengths.key_bytes != key.size() || LongKeyHash(slot) != hash) return Look::kOtherKey;
  return VisitChain(table, FirstExtent(slot, lengths), sequence, 0, key.size(),
                    [&key](const char* piece, size_t piece_bytes) {
                      const bool equal = EqualsShared(piece, key.data(), piece_bytes);
                      key.remove_prefix(piece_bytes);
                      return equal;
                    });
}

Outcome Reader::GetHidden(absl::string_view key, std::string* value, Found* found) const {
  return GetInRoundsAs</*kHidden=*/true>(key, StringSink(value), found);
}

Outcome Reader::FindHidden(absl::string_view key, Found* found) const {
  return GetInRoundsAs</*kHidden=*/true>(key, NoSink(), found);
}

uint64_t Reader::SumOfWord0(uint64_t from, uint64_t to) const {
  uint64_t sum = 0;
  for (uint64_t at = from; at != to; at = table_.NextBucket(at)) {
    sum += table_.head(at).word0.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace cubby::table
