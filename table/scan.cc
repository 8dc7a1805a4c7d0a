#include "table/scan.h"

#include <atomic>
#include <cstddef>

#include "table/entry.h"

namespace cubby::table {
namespace {

Look ScanWay(const Table& table, const BucketHead& head, uint64_t word0, const SlotHead& slot,
             ScannedEntry* entry) {
  const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
  if ((sequence & 1) != 0 || !LengthsArePossible(table.geometry(), lengths)) {
    return DamagedUnlessDisturbed(head, word0);
  }
  entry->revision = sequence >> 1;
  entry->expiry_ns = slot.expiry_ns.load(std::memory_order_relaxed);
  CopyKey(slot, lengths, &entry->key);
  entry->value.resize(lengths.value_bytes);
  if (CopyValue(table, slot, sequence, lengths, &entry->value[0]) != Look::kWhole) {
    return DamagedUnlessDisturbed(head, word0);
  }
  return Confirm(head, word0, slot, sequence);
}

}  // namespace

Outcome ScanBucket(const Table& table, uint64_t bucket, std::vector<ScannedEntry>* entries,
                   os::Clock clock) {
  const BucketHead& head = table.head(bucket);
  for (int round = 0; round < kMaxRounds; ++round) {
    const uint64_t word0 = head.word0.load(std::memory_order_acquire);
    size_t count = 0;
    bool damaged = false;
    Look look = Look::kWhole;
    uint32_t ways = LiveWays(word0) & table.geometry().ways_mask;
    for (; ways != 0 && look != Look::kDisturbed; ways &= ways - 1) {
      const auto way = static_cast<uint32_t>(__builtin_ctz(ways));
      if (count == entries->size()) entries->emplace_back();
      ScannedEntry& entry = (*entries)[count];
      look = ScanWay(table, head, word0, table.slot(bucket, way), &entry);
      damaged |= look == Look::kDamaged;
      if (look != Look::kWhole) continue;
      if (entry.expiry_ns == 0 || clock() < entry.expiry_ns) {
        ++count;
        continue;
      }
      // As in a get: expired only if the key was not put again before the expiry.
      std::atomic_thread_fence(std::memory_order_acquire);
      if (head.word0.load(std::memory_order_relaxed) != word0) look = Look::kDisturbed;
    }
    if (look == Look::kDisturbed) continue;
    // All entries are confirmed against the same word0, so a key that was put again meanwhile is
    // neither duplicated nor missing.
    entries->resize(count);
    return damaged ? Outcome::kDamaged : Outcome::kFound;
  }
  entries->clear();
  return Outcome::kContended;
}

}  // namespace cubby::table
