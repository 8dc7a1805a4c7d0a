// The key of an entry, as it lies in the entry's slot. For all that read keys but gets, which
// compare them while they read the rest (table/reader.h).
//
// REQUIRES, for all: `lengths` were loaded from `slot`, and LengthsArePossible(). The caller
// validates the slot's sequence, or holds the writer lock.
#ifndef CUBBY_TABLE_ENTRY_H_
#define CUBBY_TABLE_ENTRY_H_

#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "table/bytes.h"
#include "table/hash.h"
#include "table/table.h"

namespace cubby::table {

// Copies the key to *key.
inline void CopyKey(const SlotHead& slot, const SlotLengths& lengths, std::string* key) {
  key->resize(lengths.key_bytes);
  CopyFromShared(&(*key)[0], SlotBytes(slot), lengths.key_bytes);
}

// Returns true if it is `key`.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasKey(const SlotHead& slot, const SlotLengths& lengths,
                                                absl::string_view key) {
  return lengths.key_bytes == key.size() && EqualsShared(SlotBytes(slot), key.data(), key.size());
}

// Returns the hash of the key. *copy is scratch space.
inline uint64_t HashOfKey(const Table& table, const SlotHead& slot, const SlotLengths& lengths,
                          std::string* copy) {
  CopyKey(slot, lengths, copy);
  return HashKey(*copy, table.geometry().hash_seed);
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_ENTRY_H_
