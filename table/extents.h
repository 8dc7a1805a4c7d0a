// The writer's side of extents: which ones a value will take, filling them, and giving a dead
// value's back.
//
// Free extents form a queue through ExtentHead::next. A value takes the first n of it as they are
// linked, so taking them is moving the queue's head, and giving a chain back is linking it behind
// the tail. Neither happens before the entry's commit: until then the extents are still in the
// queue, only their bytes are scribbled on. See table/recovery.h.
//
// REQUIRES, for all: the caller holds the writer lock. Damaged links are noticed (DataLoss) and
// never followed out of range.
#ifndef CUBBY_TABLE_EXTENTS_H_
#define CUBBY_TABLE_EXTENTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "table/bytes.h"
#include "table/table.h"

namespace cubby::table {

struct Chain {
  uint32_t first = kNoExtent;
  uint32_t last = kNoExtent;
  uint32_t length = 0;
};

inline uint64_t PackLink(uint32_t first, uint32_t last) { return uint64_t{last} << 32 | first; }
inline uint32_t LinkFirst(uint64_t link) { return static_cast<uint32_t>(link); }
inline uint32_t LinkLast(uint64_t link) { return static_cast<uint32_t>(link >> 32); }

// The first extents of the free queue, enough for `value_bytes`. Changes nothing.
// ResourceExhausted, naming sizes, if too few are free.
absl::StatusOr<Chain> FirstFree(const Table& table, uint32_t value_bytes);

// Writes `value` into `chain`, each extent marked with `sequence`, which is even and never used
// before.
void FillChain(const WritableTable& table, const Chain& chain, uint64_t sequence,
               absl::string_view value);

// Asks the memory for an extent that a value's `left` last bytes will begin in. REQUIRES: there is
// one of that index.
inline void PrefetchExtent(const Table& table, uint32_t index, size_t left) {
  const size_t bytes = std::min<size_t>(left, table.geometry().extent_payload);
  PrefetchForWriting(&table.extent(index), kExtentHeadBytes + bytes);
}

// The chain that a live slot's value occupies; an empty one if it lies inline. DataLoss if the
// lengths or the link are impossible.
absl::StatusOr<Chain> ReadChain(const Table& table, const SlotHead& slot,
                                const SlotLengths& lengths);
inline absl::StatusOr<Chain> ChainOf(const Table& table, const SlotHead& slot) {
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
  if (!lengths.in_extents && LengthsArePossible(table.geometry(), lengths)) return Chain();
  return ReadChain(table, slot, lengths);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_EXTENTS_H_
