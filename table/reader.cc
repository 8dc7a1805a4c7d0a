#include "table/reader.h"

#include <algorithm>
#include <atomic>
#include <type_traits>

#include "absl/base/optimization.h"
#include "table/bytes.h"
#include "table/hash.h"

namespace cubby::table {

Look DamagedUnlessDisturbed(const BucketHead& head, uint64_t word0) {
  std::atomic_thread_fence(std::memory_order_acquire);
  return head.word0.load(std::memory_order_relaxed) == word0 ? Look::kDamaged : Look::kDisturbed;
}

Look CopyChain(const Table& table, uint32_t index, uint64_t sequence, uint32_t value_bytes,
               char* to) {
  const Geometry& geometry = table.geometry();
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

template <typename Sink>
Outcome Reader::Get(absl::string_view key, const Sink& sink, Found* found) const {
  const Geometry& geometry = table_.geometry();
  const uint64_t hash = HashKey(key, geometry.hash_seed);
  uint64_t bucket = HomeBucket(hash, geometry.bucket_count);
  const uint16_t tag = TagOf(hash);
  PrefetchLookup(table_, bucket, tag);
  const uint32_t overflow_class = OverflowClass(hash);

  int disturbed = 0;
  for (uint64_t probes = 0; probes < geometry.bucket_count;) {
    if (ABSL_PREDICT_FALSE(disturbed == kMaxRounds)) return Outcome::kContended;
    const BucketHead& head = table_.head(bucket);
    // Acquire: pairs with the commit's release. Slots that are live in this word0 are seen as
    // written before it, or later.
    const uint64_t word0 = head.word0.load(std::memory_order_acquire);
    uint32_t candidates = MatchTags(head, tag) & LiveWays(word0) & geometry.ways_mask;
    Look look = Look::kOtherKey;
    for (; candidates != 0; candidates &= candidates - 1) {
      const auto way = static_cast<uint32_t>(__builtin_ctz(candidates));
      const SlotHead& slot = table_.slot(bucket, way);
      // Acquire: the bytes read next are at least as new as this sequence.
      const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
      const SlotLengths lengths = UnpackLengths(slot.lengths.load(std::memory_order_relaxed));
      if (ABSL_PREDICT_FALSE((sequence & 1) != 0 || !LengthsArePossible(geometry, lengths))) {
        look = DamagedUnlessDisturbed(head, word0);
        break;
      }
      if (lengths.key_bytes != key.size() ||
          !EqualsShared(SlotBytes(slot), key.data(), key.size())) {
        continue;  // if these were torn bytes of our key, word0 has changed: the miss is not
                   // believed below
      }
      found->value_bytes = lengths.value_bytes;
      found->revision = sequence >> 1;
      found->expiry_ns = slot.expiry_ns.load(std::memory_order_relaxed);
      if constexpr (std::is_same_v<Sink, NoSink>) {
        look = Confirm(head, word0, slot, sequence);
      } else {
        // A length of extents may be a torn entry's, and large: no memory is made ready for that.
        look = ABSL_PREDICT_FALSE(lengths.in_extents) ? Confirm(head, word0, slot, sequence)
                                                      : Look::kWhole;
        if (look == Look::kWhole) {
          if (sink.Reserve(lengths.value_bytes)) {
            look = CopyValue(table_, slot, sequence, lengths, sink.data());
            look = look == Look::kWhole ? Confirm(head, word0, slot, sequence)
                                        : DamagedUnlessDisturbed(head, word0);
          } else {
            look = Confirm(head, word0, slot, sequence);
            if (look == Look::kWhole) look = Look::kTooSmall;
          }
        }
      }
      break;
    }
    switch (look) {
      case Look::kWhole:
      case Look::kTooSmall:
        if (found->expiry_ns != 0 && clock_() >= found->expiry_ns) {
          // Absent only if it still was the key's entry when its time had come: it may have been
          // put again before that.
          std::atomic_thread_fence(std::memory_order_acquire);
          if (head.word0.load(std::memory_order_relaxed) == word0) return Outcome::kNotFound;
          ++disturbed;
          continue;
        }
        return look == Look::kWhole ? Outcome::kFound : Outcome::kTooSmall;
      case Look::kDamaged:
        return Outcome::kDamaged;
      case Look::kDisturbed:
        ++disturbed;
        continue;
      case Look::kOtherKey:
        break;
    }
    const uint16_t overflow = head.overflow[overflow_class].load(std::memory_order_relaxed);
    // Acquire fence: what was read above is not newer than the word0 loaded below, so all of it is
    // of one state.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (ABSL_PREDICT_FALSE(head.word0.load(std::memory_order_relaxed) != word0)) {
      ++disturbed;
      continue;
    }
    if (overflow == 0) return Outcome::kNotFound;
    bucket = table_.NextBucket(bucket);
    PrefetchLookup(table_, bucket, tag);
    ++probes;
  }
  return Outcome::kNotFound;
}

template Outcome Reader::Get(absl::string_view, const BufferSink&, Found*) const;
template Outcome Reader::Get(absl::string_view, const StringSink&, Found*) const;
template Outcome Reader::Get(absl::string_view, const NoSink&, Found*) const;

}  // namespace cubby::table
