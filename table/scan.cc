#include "table/scan.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "table/entry.h"
#include "table/hash.h"
#include "table/overflow.h"

namespace cubby::table {
namespace {

// A bucket of a path, at the moment for which the path was read.
struct PathBucket {
  uint64_t bucket;
  uint64_t word0;
  uint32_t ways;  // those that may hold an entry of the home
};
using HomePath = absl::InlinedVector<PathBucket, 8>;

enum class PathLook { kWhole, kDisturbed, kTooLong };

// Reads the buckets in which entries with that home can live, all as of one moment.
PathLook ReadPath(const Table& table, uint64_t home, HomePath* path) {
  path->clear();
  uint32_t distance = 0;  // 8 for more
  for (uint64_t at = home;;) {
    const BucketHead& head = table.head(at);
    // Acquire: as in a get; the loads below are not older.
    const uint64_t word0 = head.word0.load(std::memory_order_acquire);
    const DistanceRow& row = table.distances(at);
    const uint32_t ways = at == home ? ~WaysBehind(row, 1) : WaysBehind(row, distance);
    const uint64_t overflow = head.overflow.load(std::memory_order_relaxed);
    path->push_back({at, word0, LiveWays(word0) & table.geometry().ways_mask & ways});
    at = table.NextBucket(at);
    distance = std::min(distance + 1, 8u);
    if (overflow == 0 || at == home) break;
    if (path->size() == kLongestPath) return PathLook::kTooLong;
  }
  // Acquire fence: what was read above is not newer than the word0 loaded below.
  std::atomic_thread_fence(std::memory_order_acquire);
  for (const PathBucket& part : *path) {
    if (table.head(part.bucket).word0.load(std::memory_order_relaxed) != part.word0) {
      return PathLook::kDisturbed;
    }
  }
  return PathLook::kWhole;
}

// Reads an entry of the path, unless `options` leave it out, its home is another, or
// *entries[0, count) has its key.
Look ScanWay(const Table& table, uint64_t home, const PathBucket& part, uint32_t way,
             const ScanOptions& options, std::vector<ScannedEntry>* entries, size_t count) {
  const BucketHead& head = table.head(part.bucket);
  const SlotHead& slot = table.slot(part.bucket, way);
  const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
  if ((sequence & 1) != 0 || !LengthsArePossible(table.geometry(), lengths)) {
    return DamagedUnlessDisturbed(head, part.word0);
  }
  if (count == entries->size()) entries->emplace_back();
  ScannedEntry& entry = (*entries)[count];
  entry.revision = RevisionOf(sequence);
  entry.expiry_ns = ExpiryOf(slot, lengths);
  if (CopyKey(table, slot, sequence, lengths, &entry.key) != Look::kWhole) {
    return DamagedUnlessDisturbed(head, part.word0);
  }
  bool other = !absl::StartsWith(entry.key, options.prefix);
  if (part.bucket != home && !other) {
    other = HomeBucket(HashKey(entry.key, table.geometry().hash_seed),
                       table.geometry().bucket_count) != home;
    // A move that is not complete: the entry is live in a bucket nearer to its home, too.
    for (size_t i = 0; i < count && !other; ++i) other = (*entries)[i].key == entry.key;
  }
  if (other) {
    const Look look = Confirm(head, part.word0, slot, sequence);
    return look == Look::kWhole ? Look::kOtherKey : look;
  }
  entry.value_bytes = lengths.value_bytes;
  if (!options.values) {
    entry.value.clear();
    return Confirm(head, part.word0, slot, sequence);
  }
  return CopyValue(table, head, part.word0, slot, sequence, lengths, StringSink(&entry.value));
}

}  // namespace

Outcome ScanHome(const Table& table, uint64_t home, std::vector<ScannedEntry>* entries,
                 os::Clock clock, const ScanOptions& options) {
  HomePath path;
  for (int round = 0; round < kMaxRounds; ++round) {
    const PathLook path_look = ReadPath(table, home, &path);
    if (path_look == PathLook::kDisturbed) continue;
    size_t count = 0;
    bool damaged = path_look == PathLook::kTooLong;
    Look look = Look::kWhole;
    for (size_t i = 0; i < path.size() && look != Look::kDisturbed; ++i) {
      const BucketHead& head = table.head(path[i].bucket);
      for (uint32_t ways = path[i].ways; ways != 0 && look != Look::kDisturbed; ways &= ways - 1) {
        look = ScanWay(table, home, path[i], static_cast<uint32_t>(__builtin_ctz(ways)), options,
                       entries, count);
        damaged |= look == Look::kDamaged;
        if (look != Look::kWhole) continue;
        const ScannedEntry& entry = (*entries)[count];
        if (options.hidden || entry.expiry_ns == 0 || clock() < entry.expiry_ns) {
          ++count;
          continue;
        }
        // As in a get: expired only if the key was not put again before the expiry.
        std::atomic_thread_fence(std::memory_order_acquire);
        if (head.word0.load(std::memory_order_relaxed) != path[i].word0) look = Look::kDisturbed;
      }
    }
    if (look == Look::kDisturbed) continue;
    // All entries are those of one moment, so a key that was put again or moved meanwhile is
    // neither duplicated nor missing.
    entries->resize(count);
    return damaged ? Outcome::kDamaged : Outcome::kFound;
  }
  entries->clear();
  return Outcome::kContended;
}

}  // namespace cubby::table
