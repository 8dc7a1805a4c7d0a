#include "table/extents.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "table/bytes.h"

namespace cubby::table {
namespace {

absl::Status Damaged() {
  return absl::DataLossError("the store's list of extents is damaged: run cubby check");
}

}  // namespace

absl::StatusOr<Chain> FirstFree(const Table& table, uint32_t value_bytes) {
  const Geometry& geometry = table.geometry();
  const ExtentQueue& queue = table.fixed().extents;
  Chain chain;
  chain.length = ChainLength(geometry, value_bytes);
  const uint64_t free = queue.free_count.load(std::memory_order_relaxed);
  // The queue's last extent stays, so that there is always a tail to link behind.
  if (free <= chain.length) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no room for a long value: it takes ", chain.length, " extents of ",
                     geometry.extent_payload, " bytes and ", free == 0 ? 0 : free - 1,
                     " of the store's ", geometry.extent_count,
                     " are to be had: delete long values, or make it with a larger --extent-pool"));
  }
  chain.first = queue.head.load(std::memory_order_relaxed);
  chain.last = chain.first;
  for (uint32_t i = 1; i < chain.length; ++i) {
    if (chain.last >= geometry.extent_count) return Damaged();
    // Where the next but seven is if they lie as they did in a new store: a guess.
    __builtin_prefetch(&table.extent(chain.last + 8));
    chain.last = table.extent(chain.last).next.load(std::memory_order_relaxed);
  }
  if (chain.last >= geometry.extent_count) return Damaged();
  return chain;
}

void FillChain(const WritableTable& table, const Chain& chain, uint64_t sequence,
               absl::string_view value) {
  const Geometry& geometry = table.geometry();
  uint32_t index = chain.first;
  while (!value.empty() && index < geometry.extent_count) {
    ExtentHead& extent = table.mutable_extent(index);
    index = extent.next.load(std::memory_order_relaxed);
    const size_t bytes = std::min<size_t>(value.size(), geometry.extent_payload);
    // The processor sees what comes next within a page, but not from page to page. (Measured: 64
    // KiB into a pool of 256 MB takes 13 us, with this 7.)
    if (value.size() > bytes && index < geometry.extent_count) {
      PrefetchExtent(table, index, value.size() - bytes);
    }
    // A reader still copying the value that was here before must see, with the first new byte, that
    // it is gone: odd, then a release fence, then bytes.
    extent.sequence.store(sequence | 1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
    CopyToShared(ExtentBytes(extent), value.data(), bytes);
    // Release: publishes the bytes to readers that load this sequence.
    extent.sequence.store(sequence, std::memory_order_release);
    value.remove_prefix(bytes);
  }
}

absl::StatusOr<Chain> ReadChain(const Table& table, const SlotHead& slot,
                                const SlotLengths& lengths) {
  if (!LengthsArePossible(table.geometry(), lengths)) return Damaged();
  Chain chain;
  const uint64_t link =
      WordAt(SlotBytes(slot) + RoundUp8(lengths.key_bytes)).load(std::memory_order_relaxed);
  chain.first = LinkFirst(link);
  chain.last = LinkLast(link);
  chain.length = ChainLength(table.geometry(), lengths.value_bytes);
  if (chain.first >= table.geometry().extent_count || chain.last >= table.geometry().extent_count) {
    return Damaged();
  }
  return chain;
}

}  // namespace cubby::table
