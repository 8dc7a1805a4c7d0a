// The writer's side of extents: chooses those that an entry takes, fills them, and finds those that
// a dead entry gives back.
//
// The extent map has a bit for each extent, set while a live entry has it, and behind these a
// summary: a bit for each word of the map, set while all of its extents are in use. An entry takes
// one run of free extents if there is one near the hand, else the longest runs there, always in
// ascending order (after the last extent comes the first): so a chain whose ends are as far apart
// as it is long is one run, and giving it back needs no look at it. Bits change after the entry's
// commit (table/commit.h): until then the extents are still free, and only their bytes are
// overwritten.
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
  // Of a chain that FirstFree() returned: of the runs of free extents from `first` on it has those
  // of at least so many, up to its own length.
  uint32_t shortest_run = 1;
};

inline uint64_t PackLink(uint32_t first, uint32_t last) { return uint64_t{last} << 32 | first; }
inline uint32_t LinkFirst(uint64_t link) { return static_cast<uint32_t>(link); }
inline uint32_t LinkLast(uint64_t link) { return static_cast<uint32_t>(link >> 32); }

absl::Status DamagedExtents();

// Returns free extents that suffice for `bytes`. Changes nothing. Returns ResourceExhausted, naming
// sizes, if too few are free. Time: linear in the extents that it returns, and a word for each 4096
// extents in use that it passes.
absl::StatusOr<Chain> FirstFree(const Table& table, uint64_t bytes);

// Writes `key`, unless it is empty padded to a multiple of 8, and `value` into `chain`, which
// FirstFree() returned, links it, and marks each extent with `sequence`, which is even and never
// used before.
void FillChain(const WritableTable& table, const Chain& chain, uint64_t sequence,
               absl::string_view key, absl::string_view value) CUBBY_REQUIRES_WRITER_LOCK;

// Sets the bits of a linked chain in the extent map. Doing it again changes nothing. REQUIRES: both
// ends are in range.
void MarkChain(const WritableTable& table, const Chain& chain,
               bool in_use) CUBBY_REQUIRES_WRITER_LOCK;

// Prefetches the extent in which a chain's last `left` bytes will begin. REQUIRES: `index` is in
// range.
inline void PrefetchExtent(const Table& table, uint32_t index, size_t left) {
  const size_t bytes = std::min<size_t>(left, table.geometry().extent_payload);
  PrefetchForWriting(&table.extent(index), kExtentHeadBytes + bytes);
}
// Prefetches the extent that a value of `bytes` bytes will probably begin in. Needs no lock.
void PrefetchFree(const Table& table, size_t bytes);

// Returns the chain that a live slot's entry occupies; an empty one if it has none.
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
