// Gets: looks a key up in a table that others may be writing, with no lock, no store and no system
// call.
//
// A way that is live is never written; writers fill a dead way and make it live, and the old one
// dead, by one store of word0, which carries the revision of that commit. So the reader needs
//   - of a hit: that the slot's sequence is the same before and after copying, and that its
//   revision was committed when
//     word0 was loaded (revision <= that of word0). Then the entry was the key's at that load,
//     whatever came since. The second half matters: a stale word0 may lead to a way that has since
//     died and been filled, whole, by a put that has not committed, and may never;
//   - of a miss: that word0 did not change while the bucket's tags were looked at, and that the
//   bucket's overflow count for the
//     key's class was 0 then. Entries never move, so a key that is there all the while is in one
//     bucket all the while.
//
// Bounded: after kMaxRounds disturbed rounds it gives up. Hostile bytes: every index and length is
// loaded once and checked against the private Geometry before it is used; the number of buckets and
// extents visited is bounded by the geometry.
//
// Safe from many threads; a Reader has no state of its own.
#ifndef CUBBY_TABLE_READER_H_
#define CUBBY_TABLE_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "os/clock.h"
#include "table/bytes.h"
#include "table/table.h"

namespace cubby::table {

enum class Outcome {
  kFound,
  kNotFound,
  kTooSmall,   // found, but the sink has no room for it; Found::value_bytes says how much it takes
  kContended,  // disturbed in every round
  kDamaged,    // bytes that no writer leaves
};

struct Found {
  uint32_t value_bytes = 0;
  uint64_t revision = 0;
  uint64_t expiry_ns = 0;  // 0: never
};

// A round that a writer disturbs costs it a put, some 50 ns, and the reader about as much: this
// many in a row take a reader that loses every race some microseconds, and the same luck 2^-64
// often.
inline constexpr int kMaxRounds = 64;

// Where a value goes. Reserve(n) says whether there is room for n bytes, which are at data() then.
// It may be called again in a later round; the last call counts.
class BufferSink {
 public:
  BufferSink(char* data, size_t size) : data_(data), size_(size) {}
  bool Reserve(size_t bytes) const { return bytes <= size_; }
  char* data() const { return data_; }

 private:
  char* data_;
  size_t size_;
};
class StringSink {
 public:
  explicit StringSink(std::string* value) : value_(value) {}
  bool Reserve(size_t bytes) const {
    value_->resize(bytes);
    return true;
  }
  char* data() const { return &(*value_)[0]; }

 private:
  std::string* value_;
};
struct NoSink {};  // only whether the key is there

class Reader {
 public:
  // `clock` is asked when an entry that was found has an expiry.
  explicit Reader(const Table& table, os::Clock clock = os::BootNanos)
      : table_(table), clock_(clock) {}

  // Defined for the three sinks above. With anything but kFound the sink's bytes are unspecified.
  template <typename Sink>
  Outcome Get(absl::string_view key, const Sink& sink, Found* found) const;

 private:
  const Table& table_;
  const os::Clock clock_;
};

// How a look at one way went; shared with iteration (table/scan.h).
enum class Look {
  kWhole,  // an entry that was live when word0 was loaded
  kOtherKey,
  kTooSmall,
  kDisturbed,  // a writer was here: load word0 again
  kDamaged,
};

// The value of a slot whose sequence and lengths were loaded before: copies it to `to`. Returns
// kWhole if every extent belongs to that sequence; does not check the slot's own.
Look CopyChain(const Table& table, uint32_t first, uint64_t sequence, uint32_t value_bytes,
               char* to);
inline Look CopyValue(const Table& table, const SlotHead& slot, uint64_t sequence,
                      const SlotLengths& lengths, char* to) {
  const char* value = SlotBytes(slot) + RoundUp8(lengths.key_bytes);
  if (ABSL_PREDICT_FALSE(lengths.in_extents)) {
    const auto first = static_cast<uint32_t>(WordAt(value).load(std::memory_order_relaxed));
    return CopyChain(table, first, sequence, lengths.value_bytes, to);
  }
  CopyFromShared(to, value, lengths.value_bytes);
  return Look::kWhole;
}

// Whether an entry of `revision` was committed no later than the commit that `word0` is of. The
// difference is taken modulo 2^48. An entry 2^47 commits older than its bucket's last one looks
// uncommitted: it is confirmed by an unchanged word0 instead. An uncommitted one cannot look
// committed: it would have to be 2^47 commits newer than a word0 of the same call.
inline bool CommittedBy(uint64_t word0, uint64_t revision) {
  return (((word0 >> 16) - revision) & (uint64_t{1} << 47)) == 0;
}

// After copying: whether what was read of `slot` while its sequence was `sequence` is the entry
// that was live there when `word0` was loaded from `head`, before any of it: kWhole, or kDisturbed.
inline Look Confirm(const BucketHead& head, uint64_t word0, const SlotHead& slot,
                    uint64_t sequence) {
  // Acquire fence: as in CopyValue, for the slot's own bytes.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (ABSL_PREDICT_FALSE(!CommittedBy(word0, sequence >> 1)) &&
      head.word0.load(std::memory_order_relaxed) != word0) {
    return Look::kDisturbed;
  }
  return slot.sequence.load(std::memory_order_relaxed) == sequence ? Look::kWhole
                                                                   : Look::kDisturbed;
}

// For bytes that no writer leaves in a live way: kDamaged if word0 still is `word0`, so that the
// way was live all the while, else kDisturbed.
Look DamagedUnlessDisturbed(const BucketHead& head, uint64_t word0);

// The 8 bits of a tag that its hint holds.
inline uint8_t HintOf(uint16_t tag) { return static_cast<uint8_t>(tag); }

// A bit for each way whose hint is that of `tag`.
inline uint32_t MatchHints(const HintRow& hints, uint16_t tag) {
#if defined(CUBBY_TABLE_X86_COPY)
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(HintOf(tag)));
  const __m128i row = LoadShared16(reinterpret_cast<const char*>(hints.tags));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(row, wanted)));
#else
  uint32_t matches = 0;
  for (uint32_t way = 0; way < kMaxWays; ++way) {
    matches |= uint32_t{hints.tags[way].load(std::memory_order_relaxed) == HintOf(tag)} << way;
  }
  return matches;
#endif
}

// Asks the memory for the bucket's head and for the slots that its hints say `tag` may be in, so
// that they come in one wait and not one after the other. (From 1 M entries of 64 B a get takes 9 %
// less time for it, and 19 % less once they were put again.) A wrong hint costs time only.
inline void PrefetchLookup(const Table& table, uint64_t bucket, uint16_t tag) {
  constexpr uint32_t kLineBytes = 64;
  const Geometry& geometry = table.geometry();
  __builtin_prefetch(&table.head(bucket));
  uint32_t ways = MatchHints(table.hints(bucket), tag) & geometry.ways_mask;
  for (; ways != 0; ways &= ways - 1) {
    const auto* slot = reinterpret_cast<const char*>(
        &table.slot(bucket, static_cast<uint32_t>(__builtin_ctz(ways))));
    __builtin_prefetch(slot);
    // What follows these, the processor sees coming by itself.
    if (geometry.slot_bytes > kLineBytes) __builtin_prefetch(slot + kLineBytes);
  }
}

// A bit for each way whose tag is `tag`, live or not.
inline uint32_t MatchTags(const BucketHead& head, uint16_t tag) {
#if defined(CUBBY_TABLE_X86_COPY)
  const auto* tags = reinterpret_cast<const char*>(head.tags);
  const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
  const __m128i low = _mm_cmpeq_epi16(LoadShared16(tags), wanted);
  const __m128i high = _mm_cmpeq_epi16(LoadShared16(tags + 16), wanted);
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
  uint32_t matches = 0;
  for (uint32_t way = 0; way < kMaxWays; ++way) {
    matches |= uint32_t{head.tags[way].load(std::memory_order_relaxed) == tag} << way;
  }
  return matches;
#endif
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_READER_H_
