#include "table/reader.h"

#include <algorithm>
#include <atomic>

#include "table/bytes.h"

namespace cubby::table {

Look DamagedUnlessDisturbed(const BucketHead& head, uint64_t word0) {
  std::atomic_thread_fence(std::memory_order_acquire);
  return head.word0.load(std::memory_order_relaxed) == word0 ? Look::kDamaged : Look::kDisturbed;
}

Look CopyChain(const Table& table, uint32_t index, uint64_t sequence, uint32_t value_bytes,
               char* to) {
  const Geometry& geometry = table.geometry();
  sequence &= ~kMovedBit;
  for (uint32_t left = value_bytes; left != 0;) {
    if (index >= geometry.extent_count) return Look::kDamaged;
    const ExtentHead& extent = table.extent(index);
    // Acquire: the bytes copied next are at least as new as this sequence.
    if (extent.sequence.load(std::memory_order_acquire) != sequence) return Look::kDamaged;
    index = extent.next.load(std::memory_order_relaxed);
    const uint32_t bytes = std::min(left, geometry.extent_payload);
    CopyFromShared(to, ExtentBytes(extent), bytes);
    // Acquire fence: a byte of a later value was stored after that value's odd sequence, which
    // would be seen below.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (extent.sequence.load(std::memory_order_relaxed) != sequence) return Look::kDamaged;
    to += bytes;
    left -= bytes;
  }
  return Look::kWhole;
}

uint64_t Reader::SumOfWord0(uint64_t from, uint64_t to) const {
  uint64_t sum = 0;
  for (uint64_t at = from; at != to; at = table_.NextBucket(at)) {
    sum += table_.head(at).word0.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace cubby::table
