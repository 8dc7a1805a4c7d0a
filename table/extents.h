// The writer's side of extents: chooses those that a value takes, fills them, and finds those that
// a dead value gives back.
//
// Free extents form a queue through ExtentHead::next. A value takes the first n of it as they are
// linked, so taking them moves the queue's head, and giving a chain back links it behind the tail.
// Neither happens before the entry's commit (table/commit.h): until then the extents are still in
// the queue, and only their bytes are overwritten.
//
// REQUIRES, for all: the caller holds the writer lock. Damaged links give DataLoss and are never
// followed out of range.
#ifndef CUBBY_TABLE_EXTENTS_H_
#define CUBBY_TABLE_EXTENTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lock/writer_role.h"
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

// Returns the first extents of the free queue that suffice for `value_bytes`. Changes nothing.
// Returns ResourceExhausted, naming sizes, if too few are free.
absl::StatusOr<Chain> FirstFree(const Table& table, uint32_t value_bytes);

// Writes `value` into `chain` and marks each extent with `sequence`, which is even and never used
// before.
void FillChain(const WritableTable& table, const Chain& chain, uint64_t sequence,
               absl::string_view value) CUBBY_REQUIRES_WRITER_LOCK;

// Prefetches the extent in which a value's last `left` bytes will begin. REQUIRES: `index` is in
// range.
inline void PrefetchExtent(const Table& table, uint32_t index, size_t left) {
  const size_t bytes = std::min<size_t>(left, table.geometry().extent_payload);
  PrefetchForWriting(&table.extent(index), kExtentHeadBytes + bytes);
}

// Returns the chain that a live slot's value occupies; an empty one if the value lies inline.
// Returns DataLoss if the lengths or the link are impossible.
absl::StatusOr<Chain> ReadChain(const Table& table, const SlotHead& slot,
                                const SlotLengths& lengths);
inline absl::StatusOr<Chain> ChainOf(const Table& table, const SlotHead& slot) {
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
  if (!lengths.in_extents() && LengthsArePossible(table.geometry(), lengths)) return Chain();
  return ReadChain(table, slot, lengths);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_EXTENTS_H_
