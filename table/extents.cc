#include "table/extents.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "table/bytes.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// How many runs of free extents a search looks at, beside as many as the value takes extents,
// before it takes several that it has seen.
constexpr uint32_t kRunsTried = 16;

struct Run {
  uint32_t first = 0;
  uint32_t length = 0;
};

// The free extents of a word of the map, a bit for each.
uint64_t FreeBits(const Geometry& geometry, uint64_t word, uint64_t bits) {
  const uint32_t behind = geometry.extent_count % 64;
  const bool is_partial = behind != 0 && word + 1 == MapWords(geometry);
  return ~bits & (is_partial ? (uint64_t{1} << behind) - 1 : ~uint64_t{0});
}

// Walks over the runs of at least `shortest` free extents, from an extent on, and after the last
// one from 0 up to that. Runs of `longest` and more may come in pieces, none of them shorter than
// that but the last.
class FreeRuns {
 public:
  // REQUIRES: from < extent_count, 1 <= shortest <= longest.
  FreeRuns(const Table& table, uint32_t from, uint32_t shortest, uint32_t longest)
      : table_(table),
        geometry_(table.geometry()),
        from_(from),
        shortest_(shortest),
        longest_(longest),
        word_(from / 64),
        free_(FreeAt(word_) & ~uint64_t{0} << from % 64) {}

  // Returns the next run; one without a length after the last.
  Run Next() {
    while (free_ != 0 || GoOn()) {
      const auto begin = static_cast<uint32_t>(__builtin_ctzll(free_));
      Run run = {static_cast<uint32_t>(word_ * 64 + begin), TakeRun() - begin};
      while ((run.first + run.length) % 64 == 0 && run.length < longest_ && NextWordGoesOn()) {
        run.length += TakeRun();
      }
      if (run.length >= shortest_) return run;
    }
    return {};
  }

 private:
  // Takes the first run out of the word at hand. Returns its end, as a bit.
  uint32_t TakeRun() {
    const uint64_t rest = free_ + (free_ & -free_);
    const uint64_t behind = rest & ~free_;
    free_ &= rest;
    return behind != 0 ? static_cast<uint32_t>(__builtin_ctzll(behind)) : 64;
  }

  // Goes to the next word that has a free extent. False after the last.
  bool GoOn() {
    const uint64_t words = MapWords(geometry_);
    while (free_ == 0) {
      word_ = FirstWordWithRoomFrom(word_ + 1);
      if (word_ >= words && !wrapped_) {
        wrapped_ = true;
        word_ = FirstWordWithRoomFrom(0);
      }
      if (word_ >= words || IsBehindTheEnd(word_)) {
        word_ = words;
        return false;
      }
      free_ = FreeAt(word_);
    }
    return true;
  }

  // Goes to the next word if its first extent is free.
  bool NextWordGoesOn() {
    if (word_ + 1 >= MapWords(geometry_) || IsBehindTheEnd(word_ + 1)) return false;
    const uint64_t free = FreeAt(word_ + 1);
    if ((free & 1) == 0) return false;
    ++word_;
    free_ = free;
    return true;
  }

  // Returns the first word of the map, from `word` on, that the summary does not call full, or a
  // number beyond all.
  uint64_t FirstWordWithRoomFrom(uint64_t word) const {
    const uint64_t words = MapWords(geometry_);
    uint64_t mask = ~uint64_t{0} << word % 64;
    for (uint64_t at = word / 64; at < SummaryWords(geometry_); ++at, mask = ~uint64_t{0}) {
      const uint64_t room = ~table_.extent_map(words + at).load(kRelaxed) & mask;
      if (room != 0) return at * 64 + static_cast<uint32_t>(__builtin_ctzll(room));
    }
    return words;
  }

  bool IsBehindTheEnd(uint64_t word) const { return wrapped_ && word > from_ / 64; }
  uint64_t FreeAt(uint64_t word) const {
    const uint64_t free = FreeBits(geometry_, word, table_.extent_map(word).load(kRelaxed));
    return wrapped_ && word == from_ / 64 ? free & ((uint64_t{1} << from_ % 64) - 1) : free;
  }

  const Table& table_;
  const Geometry& geometry_;
  const uint32_t from_;
  const uint32_t shortest_;
  const uint32_t longest_;
  bool wrapped_ = false;
  uint64_t word_;  // at hand
  uint64_t free_;  // of its extents, those that are free and not visited yet
};

// Sets the bits of a run, and in the summary those of the words that it lies in. REQUIRES: it is in
// range.
void MarkRun(const WritableTable& table, const Run& run, bool in_use) {
  const Geometry& geometry = table.geometry();
  const uint64_t end = uint64_t{run.first} + run.length;
  for (uint64_t at = run.first; at < end;) {
    const uint64_t word = at / 64;
    const uint64_t word_end = std::min(end, (word + 1) * 64);
    const uint64_t mask = ~uint64_t{0} >> (64 - (word_end - at)) << at % 64;
    std::atomic<uint64_t>& map = table.mutable_extent_map(word);
    const uint64_t bits = in_use ? map.load(kRelaxed) | mask : map.load(kRelaxed) & ~mask;
    // Release, here and below: as every store after the commit (table/commit.cc).
    map.store(bits, std::memory_order_release);
    std::atomic<uint64_t>& summary = table.mutable_extent_map(MapWords(geometry) + word / 64);
    const uint64_t full = uint64_t{1} << word % 64;
    const uint64_t others = summary.load(kRelaxed) & ~full;
    summary.store(FreeBits(geometry, word, bits) == 0 ? others | full : others,
                  std::memory_order_release);
    at = word_end;
  }
}

}  // namespace

absl::Status DamagedExtents() {
  return absl::DataLossError("the store's list of extents is damaged: run cubby check");
}

void PrefetchFree(const Table& table, size_t bytes) {
  const uint32_t hand = table.fixed().extents.hand.load(kRelaxed);
  if (hand >= table.geometry().extent_count) return;
  const Run run = FreeRuns(table, hand, 1, 1).Next();
  if (run.length != 0) PrefetchExtent(table, run.first, bytes);
}

absl::StatusOr<Chain> FirstFree(const Table& table, uint64_t bytes) {
  const Geometry& geometry = table.geometry();
  const ExtentLine& line = table.fixed().extents;
  const uint32_t length = ChainLength(geometry, bytes);
  const uint64_t free = line.free_count.load(kRelaxed);
  if (free < length) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for a long key or value: it takes ", length,
        base::OneOrMany(length, " extent of ", " extents of "), geometry.extent_payload,
        " bytes and ", free, " of the store's ", geometry.extent_count,
        base::OneOrMany(free, " is to be had", " are to be had"),
        ": delete some, or make it with a larger --extent-pool"));
  }
  // The count of a pool that has none, and no map.
  if (length > geometry.extent_count) return DamagedExtents();
  // A hand that leads nowhere does no harm: it only says where to begin.
  uint32_t hand = line.hand.load(kRelaxed);
  if (hand >= geometry.extent_count) hand = 0;
  FreeRuns near(table, hand, 1, length);
  // How many extents there are in runs of 2^i up to 2^(i + 1) - 1.
  uint64_t found[32] = {};
  for (uint64_t tries = 0; tries < uint64_t{kRunsTried} + length; ++tries) {
    const Run run = near.Next();
    if (run.length >= length) return Chain{run.first, run.first + length - 1, length, length};
    if (run.length == 0) break;
    found[31 - __builtin_clz(run.length)] += run.length;
  }

  // The longest that suffice; if all that were seen do not, there are few anywhere.
  Chain chain;
  chain.length = length;
  uint64_t suffice = 0;
  for (int i = 31; i > 0 && chain.shortest_run == 1; --i) {
    suffice += found[i];
    if (suffice >= length) chain.shortest_run = 1u << i;
  }
  FreeRuns runs(table, hand, chain.shortest_run, length);
  for (uint32_t left = length; left != 0;) {
    const Run run = runs.Next();
    if (run.length == 0) return DamagedExtents();  // there are fewer than the count says
    const uint32_t taken = std::min(left, run.length);
    if (left == length) chain.first = run.first;
    chain.last = run.first + taken - 1;
    left -= taken;
  }
  return chain;
}

void FillChain(const WritableTable& table, const Chain& chain, uint64_t sequence,
               absl::string_view key, absl::string_view value) {
  const Geometry& geometry = table.geometry();
  FreeRuns runs(table, chain.first, chain.shortest_run, chain.length);
  uint32_t extents_left = chain.length;
  // Returns the part of the next run that the chain has. There is one as long as extents are left,
  // unless the map was damaged since they were chosen.
  const auto next_run = [&runs, &extents_left] {
    Run run = runs.Next();
    run.length = std::min(run.length, extents_left);
    extents_left -= run.length;
    return run;
  };
  Run run = next_run();
  uint64_t left = RoundUp8(key.size()) + value.size();
  while (left != 0 && run.length != 0) {
    const uint32_t index = run.first;
    ExtentHead& extent = table.mutable_extent(index);
    const size_t bytes = std::min<size_t>(left, geometry.extent_payload);
    left -= bytes;
    ++run.first;
    if (--run.length == 0 && extents_left != 0) run = next_run();
    // The processor sees what comes next within a page, but not from page to page. (Measured: 64
    // KiB into a pool of 256 MB takes 13 us, with this 7.)
    if (run.length != 0) PrefetchExtent(table, run.first, left);
    // A reader still copying the value that was here before must see, with the first new byte, that
    // it is gone: odd, then a release fence, then bytes.
    extent.sequence.store(sequence | 1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
    extent.next.store(run.length != 0 ? run.first : kNoExtent, kRelaxed);
    extent.run.store(run.first == index + 1 ? run.length : 0, kRelaxed);
    const size_t of_key = std::min(key.size(), bytes);
    if (of_key != 0) CopyToShared(ExtentBytes(extent), key.data(), of_key);
    const size_t of_value = bytes - RoundUp8(of_key);
    CopyToShared(ExtentBytes(extent) + RoundUp8(of_key), value.data(), of_value);
    // Release: publishes the bytes to readers that load this sequence.
    extent.sequence.store(sequence, std::memory_order_release);
    key.remove_prefix(of_key);
    value.remove_prefix(of_value);
  }
}

void MarkChain(const WritableTable& table, const Chain& chain, bool in_use) {
  if (chain.length == 0) return;
  if (chain.last - chain.first == chain.length - 1) {
    return MarkRun(table, {chain.first, chain.length}, in_use);
  }
  const uint32_t count = table.geometry().extent_count;
  uint32_t left = chain.length;
  for (uint32_t first = chain.first; left != 0 && first < count;) {
    Run run = {first, 1};
    run.length +=
        std::min(table.extent(first).run.load(kRelaxed), std::min(left, count - first) - 1);
    MarkRun(table, run, in_use);
    left -= run.length;
    first = table.extent(first + run.length - 1).next.load(kRelaxed);
  }
}

absl::StatusOr<Chain> ReadChain(const Table& table, const SlotHead& slot,
                                const SlotLengths& lengths) {
  if (!LengthsArePossible(table.geometry(), lengths)) return DamagedExtents();
  Chain chain;
  const uint64_t link =
      WordAt(SlotBytes(slot) + lengths.key_room()).load(std::memory_order_relaxed);
  chain.first = LinkFirst(link);
  chain.last = LinkLast(link);
  chain.length = ChainLength(table.geometry(), lengths.chain_bytes());
  if (chain.first >= table.geometry().extent_count || chain.last >= table.geometry().extent_count) {
    return DamagedExtents();
  }
  return chain;
}

}  // namespace cubby::table
