// The key of an entry: in its slot, or, if it is long, in its extents with its hash in the slot.
// For all that read keys but gets, which compare them while they read the rest (table/reader.h).
//
// REQUIRES, for all: `lengths` were loaded from `slot`, and LengthsArePossible(). The caller
// validates the slot's sequence, or holds the writer lock.
#ifndef CUBBY_TABLE_ENTRY_H_
#define CUBBY_TABLE_ENTRY_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/container/fixed_array.h"
#include "absl/strings/string_view.h"
#include "table/bytes.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/table.h"

namespace cubby::table {

// Copies the key to *key. Returns kWhole, or kDamaged if a long key's chain is broken.
inline Look CopyKey(const Table& table, const SlotHead& slot, uint64_t sequence,
                    const SlotLengths& lengths, std::string* key) {
  key->resize(lengths.key_bytes);
  if (lengths.long_key()) {
    return CopyChain(table, FirstExtent(slot, lengths), sequence, 0, lengths.key_bytes, &(*key)[0]);
  }
  CopyFromShared(&(*key)[0], SlotBytes(slot), lengths.key_bytes);
  return Look::kWhole;
}

// Returns kWhole if it is `key`, whose hash is `hash`; kOtherKey, or kDamaged as CopyKey().
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Look CompareKey(const Table& table, const SlotHead& slot,
                                                    const SlotLengths& lengths,
                                                    absl::string_view key, uint64_t hash) {
  if (ABSL_PREDICT_FALSE(lengths.long_key())) {
    return CompareLongKey(table, slot, slot.sequence.load(std::memory_order_relaxed), lengths, key,
                          hash);
  }
  return lengths.key_bytes == key.size() && EqualsShared(SlotBytes(slot), key.data(), key.size())
             ? Look::kWhole
             : Look::kOtherKey;
}

// Returns the hash of the key.
inline uint64_t HashOfKey(const Table& table, const SlotHead& slot, const SlotLengths& lengths) {
  if (lengths.long_key()) return LongKeyHash(slot);
  // Most keys fit the array itself.
  absl::FixedArray<char, 128> copy(lengths.key_bytes);
  CopyFromShared(copy.data(), SlotBytes(slot), lengths.key_bytes);
  return HashKey({copy.data(), copy.size()}, table.geometry().hash_seed);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_ENTRY_H_
