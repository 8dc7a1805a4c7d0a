#include "table/eviction.h"

#include <algorithm>
#include <cstring>

#include "table/bytes.h"
#include "table/match.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint8_t kMain = 0x80;
constexpr uint32_t kEpochs = 128;
// A sixteenth of the capacity, rounded down to a power of two.
constexpr uint64_t kEpochsPerTurnover = 16;
// The small queue's share of the entries: 1 / kSmallShare.
constexpr int kSmallShare = 8;

uint32_t EpochNow(const Table& table) {
  const uint64_t inserts_per_epoch = table.geometry().capacity / kEpochsPerTurnover | 1;
  const int shift = 63 - __builtin_clzll(inserts_per_epoch);
  return static_cast<uint32_t>(table.fixed().recency.inserts.load(kRelaxed) >> shift) % kEpochs;
}

uint8_t AgeOf(uint8_t rank, uint32_t now) { return static_cast<uint8_t>(now - rank) % kEpochs; }

uint32_t MarkOf(const Table& table, const Place& place) {
  return table.marks(place.bucket).marks.load(kRelaxed) >> 2 * place.way & kMostMark;
}
// A reader's store at the same time may undo it, or be lost.
void SetMark(const WritableTable& table, const Place& place, uint32_t mark) {
  std::atomic<uint32_t>& marks = table.mutable_marks(place.bucket).marks;
  const uint32_t shift = 2 * place.way;
  const uint32_t before = marks.load(kRelaxed);
  const uint32_t change = (before >> shift & kMostMark) ^ mark;
  if (change != 0) marks.store(before ^ change << shift, kRelaxed);
}
void SetRank(const WritableTable& table, const Place& place, uint32_t rank) {
  table.mutable_ranks(place.bucket).ranks[place.way].store(static_cast<uint8_t>(rank), kRelaxed);
}
uint8_t RankOf(const Table& table, const Place& place) {
  return table.ranks(place.bucket).ranks[place.way].load(kRelaxed);
}

// Bits that neither the tag nor the overflow class has.
uint16_t Fingerprint(uint64_t hash) {
  return std::max<uint16_t>(static_cast<uint16_t>(hash >> 8), 1);
}

// Removes a key's fingerprint. False if its home has none.
bool TakeGhost(const WritableTable& table, uint64_t home, uint64_t hash) {
  for (std::atomic<uint16_t>& ghost : table.mutable_ghosts(home).fingerprints) {
    if (ghost.load(kRelaxed) == Fingerprint(hash)) {
      ghost.store(0, kRelaxed);
      return true;
    }
  }
  return false;
}

// Entries among which a victim is chosen, at most 64, each with a number.
struct Candidates {
  uint64_t all = 0;   // a bit for each
  uint64_t main = 0;  // a bit for each that is in the main queue; others without meaning
  uint8_t ages[64];   // of each, in epochs; others without meaning
};

// The highest bits of the 8 bytes of `word`, as 8 bits.
uint64_t HighestBits(uint64_t word) {
  return (word >> 7 & 0x0101'0101'0101'0101) * 0x0102'0408'1020'4080 >> 56;
}

// The live entries of two buckets, or of one that is both: those of `first` have the numbers of
// their ways, those of `second` have numbers from kMaxWays on.
Candidates EntriesOf(const Table& table, uint64_t first, uint64_t second) {
  Candidates candidates;
  constexpr uint32_t kBoth = 2 * kMaxWays;
  for (const uint64_t bucket : {second, first}) {
    const uint64_t live =
        LiveWays(table.head(bucket).word0.load(kRelaxed)) & table.geometry().ways_mask;
    candidates.all = candidates.all << kMaxWays | live;
  }
  if (first == second) candidates.all &= table.geometry().ways_mask;
  uint8_t ranks[kBoth] = {};
  for (const uint64_t bucket : {first, second}) {
    CopyFromShared(reinterpret_cast<char*>(bucket == first ? ranks : ranks + kMaxWays),
                   reinterpret_cast<const char*>(&table.ranks(bucket)), sizeof(RankRow));
  }
  for (uint64_t at = 0; at < kBoth; at += 8) {
    uint64_t eight;
    std::memcpy(&eight, ranks + at, sizeof(eight));
    candidates.main |= HighestBits(eight) << at;
  }
  const uint32_t now = EpochNow(table);
  for (uint32_t i = 0; i < kBoth; ++i) candidates.ages[i] = AgeOf(ranks[i], now);
  return candidates;
}

// Where the entry of that number lives.
Place PlaceOf(uint64_t first, uint64_t second, uint32_t number) {
  return {number < kMaxWays ? first : second, number % kMaxWays};
}

// The queue that the victim is to come from: those of its bits in candidates.all.
uint64_t QueueOf(const Candidates& candidates) {
  const uint64_t small = candidates.all & ~candidates.main;
  const bool from_small =
      kSmallShare * __builtin_popcountll(small) > __builtin_popcountll(candidates.all) ||
      small == candidates.all;
  return from_small ? small : candidates.all & candidates.main;
}

// The first of the oldest of a queue. REQUIRES: it is not empty.
uint32_t OldestOf(const Candidates& candidates, uint64_t queue) {
  auto oldest = static_cast<uint32_t>(__builtin_ctzll(queue));
  for (uint64_t left = queue & (queue - 1); left != 0; left &= left - 1) {
    const auto number = static_cast<uint32_t>(__builtin_ctzll(left));
    if (candidates.ages[number] > candidates.ages[oldest]) oldest = number;
  }
  return oldest;
}

// Applies the rule: passes over those that were got, at most kMostPassedOver times. Returns the
// victim's number. `place_of` a number is where the entry lives. REQUIRES: there is a candidate.
template <typename ToPlace>
uint32_t Choose(const WritableTable& table, Candidates* candidates,
                const ToPlace& place_of) CUBBY_REQUIRES_WRITER_LOCK {
  constexpr int kMostPassedOver = 63;
  uint8_t(&ages)[64] = candidates->ages;
  const auto mark_of = [&](uint32_t number) { return MarkOf(table, place_of(number)); };
  for (int passed_over = 0;; ++passed_over) {
    const uint64_t queue = QueueOf(*candidates);
    const bool from_small = (queue & candidates->main) == 0;
    const uint32_t oldest = OldestOf(*candidates, queue);
    const uint32_t mark = mark_of(oldest);
    if (!from_small && mark != 0) {
      for (uint64_t left = queue; left != 0; left &= left - 1) {
        const auto number = static_cast<uint32_t>(__builtin_ctzll(left));
        if (ages[number] == ages[oldest] && mark_of(number) == 0) return number;
      }
    }
    if (mark == 0 || passed_over == kMostPassedOver) return oldest;
    ages[oldest] = 0;
    candidates->main |= uint64_t{1} << oldest;
    SetMark(table, place_of(oldest), from_small ? 0 : mark - 1);
    SetRank(table, place_of(oldest), kMain | EpochNow(table));
  }
}

}  // namespace

void PrefetchVictim(const Table& table, uint64_t home) {
  const uint64_t next = table.NextBucket(home);
  const Candidates candidates = EntriesOf(table, home, next);
  if (candidates.all == 0) return;
  const Place place = PlaceOf(home, next, OldestOf(candidates, QueueOf(candidates)));
  PrefetchSlot(table.geometry(), table.slot(place.bucket, place.way));
}

absl::optional<Place> ChooseVictim(const WritableTable& table, uint64_t home) {
  uint64_t first = home;
  uint64_t second = table.NextBucket(home);
  Candidates candidates = EntriesOf(table, first, second);
  for (uint64_t visited = 2; candidates.all == 0; ++visited) {
    if (visited >= table.geometry().bucket_count) return absl::nullopt;
    first = second = table.NextBucket(second);
    candidates = EntriesOf(table, first, second);
  }
  const auto place_of = [first, second](uint32_t number) { return PlaceOf(first, second, number); };
  return place_of(Choose(table, &candidates, place_of));
}

absl::optional<Place> ChooseVictimWithExtents(const WritableTable& table,
                                              const absl::optional<Place>& spared) {
  const Geometry& geometry = table.geometry();
  std::atomic<uint64_t>& hand = table.mutable_fixed().recency.extent_hand;
  const uint64_t from = hand.load(kRelaxed);
  uint64_t bucket = from < geometry.bucket_count ? from : 0;
  Candidates candidates;
  Place places[kEnoughWithExtents + kMaxWays];
  uint32_t count = 0;
  for (uint64_t visited = 0; visited < geometry.bucket_count; ++visited) {
    if (count >= kEnoughWithExtents || (count != 0 && visited >= kBucketsForExtents)) break;
    uint32_t ways = table.ghosts(bucket).extent_ways.load(kRelaxed) &
                    LiveWays(table.head(bucket).word0.load(kRelaxed)) & geometry.ways_mask;
    if (spared.has_value() && spared->bucket == bucket) ways &= ~(1u << spared->way);
    for (; ways != 0; ways &= ways - 1) {
      places[count] = {bucket, static_cast<uint32_t>(__builtin_ctz(ways))};
      const uint8_t rank = RankOf(table, places[count]);
      candidates.ages[count] = AgeOf(rank, EpochNow(table));
      candidates.all |= uint64_t{1} << count;
      candidates.main |= uint64_t{rank} >> 7 << count;
      ++count;
    }
    bucket = table.NextBucket(bucket);
  }
  hand.store(bucket, kRelaxed);
  if (count == 0) return absl::nullopt;
  const auto place_of = [&places](uint32_t number) { return places[number]; };
  return place_of(Choose(table, &candidates, place_of));
}

void EnterNew(const WritableTable& table, const Place& place, uint64_t home, uint64_t hash) {
  SetRank(table, place, EpochNow(table) | (TakeGhost(table, home, hash) ? kMain : 0));
  SetMark(table, place, 0);
  std::atomic<uint64_t>& inserts = table.mutable_fixed().recency.inserts;
  inserts.store(inserts.load(kRelaxed) + 1, kRelaxed);
}

void Carry(const WritableTable& table, const Place& from, const Place& to, bool overwritten) {
  const uint32_t mark = MarkOf(table, from) + (overwritten ? 1 : 0);
  SetRank(table, to, RankOf(table, from));
  SetMark(table, to, std::min(mark, kMostMark));
}

void MarkMost(const WritableTable& table, const Place& place) { SetMark(table, place, kMostMark); }

void NoteExtents(const WritableTable& table, const Place& place, bool has_extents) {
  std::atomic<uint16_t>& ways = table.mutable_ghosts(place.bucket).extent_ways;
  const uint32_t before = ways.load(kRelaxed);
  const uint32_t bit = 1u << place.way;
  const uint32_t after = has_extents ? before | bit : before & ~bit;
  if (after != before) ways.store(static_cast<uint16_t>(after), kRelaxed);
}

void LeaveGhost(const WritableTable& table, const Place& victim, uint64_t home, uint64_t hash) {
  if ((RankOf(table, victim) & kMain) != 0) return;
  std::atomic<uint16_t>(&ghosts)[kGhosts] = table.mutable_ghosts(home).fingerprints;
  for (uint32_t i = kGhosts - 1; i != 0; --i)
    ghosts[i].store(ghosts[i - 1].load(kRelaxed), kRelaxed);
  ghosts[0].store(Fingerprint(hash), kRelaxed);
}

}  // namespace cubby::table
