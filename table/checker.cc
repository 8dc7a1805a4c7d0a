#include "table/checker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "base/plural.h"
#include "os/process.h"
#include "table/changes.h"
#include "table/displaced.h"
#include "table/entry.h"
#include "table/expiry.h"
#include "table/extents.h"
#include "table/hash.h"
#include "table/reader.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Buckets, extents, words of the extent map, displaced entries or change records that a step
// visits. Each takes 20 ns to a microsecond; a bucket some 100 us if its keys are as long as keys
// can be.
constexpr int kVisitsPerStep = 64;

// The bits of a revision that word0 has.
constexpr uint64_t kWord0Revisions = (uint64_t{1} << 48) - 1;

}  // namespace

class Checker::Impl {
 public:
  explicit Impl(const Table& table)
      : table_(table),
        geometry_(table.geometry()),
        extent_seen_(geometry_.extent_count, false),
        changes_(table) {
    if (table_.fixed().intent.operation.load(kRelaxed) != static_cast<uint64_t>(Operation::kNone)) {
      Problem(
          "a killed writer's operation is not repaired yet (the next put or delete repairs it)");
    }
  }

  void Visit() {
    switch (phase_) {
      case Phase::kSlots:
        return VisitSlots();
      case Phase::kOverflow:
        return VisitOverflow();
      case Phase::kExtentMap:
        return VisitMapWord();
      case Phase::kChanges:
        return VisitChange();
      case Phase::kDone:
        return;
    }
  }

  bool done() const { return phase_ == Phase::kDone; }
  const CheckResult& result() const { return result_; }

 private:
  // What a step visits next: all of one kind, then all of the next.
  enum class Phase { kSlots, kOverflow, kExtentMap, kChanges, kDone };

  void Problem(std::string line) {
    if (result_.problems.size() < kMaxProblems) {
      result_.problems.push_back(std::move(line));
    } else {
      ++result_.more_problems;
    }
  }
  void SlotProblem(const PackedPlace& place, absl::string_view what) {
    Problem(absl::StrCat("bucket ", place.bucket, " way ", place.way, ": ", what));
  }

  // Checks an extent of the value at hand, else the slots of the bucket at hand up to the next
  // value that has extents, else goes on to the next bucket.
  void VisitSlots() {
    if (chain_left_ != 0) return CheckExtent();
    while (live_ != 0) {
      const auto way = static_cast<uint32_t>(__builtin_ctz(live_));
      live_ &= live_ - 1;
      CheckSlot({bucket_, way});
      if (chain_left_ != 0) return;
    }
    FindTwinsAtHome();
    if (next_bucket_ < geometry_.bucket_count) return EnterBucket(next_bucket_++);
    displaced_.Finish();
    next_bucket_ = 0;
    passing_ = past_end_;
    phase_ = Phase::kOverflow;
  }

  void EnterBucket(uint64_t bucket) {
    bucket_ = bucket;
    word0_ = table_.head(bucket).word0.load(std::memory_order_acquire);
    live_ = LiveWays(word0_);
    newest_commit_ = NewestCommitOf(word0_);
    if ((live_ & ~geometry_.ways_mask) != 0) {
      Problem(absl::StrCat("bucket ", bucket, " has live ways beyond its ", geometry_.ways));
      live_ &= geometry_.ways_mask;
    }
    if (live_ == geometry_.ways_mask) Problem(absl::StrCat("bucket ", bucket, " has no dead way"));
    at_home_.clear();
  }

  // Returns the newest revision that can have been handed out and whose low 48 bits a word0 has.
  // Not always that of the commit, once more than 2^48 were: a bucket may have had none for as
  // many.
  uint64_t NewestCommitOf(uint64_t word0) const {
    const uint64_t newest = table_.fixed().counters.revision.load(kRelaxed);
    const uint64_t behind = (newest - (word0 >> 16)) & kWord0Revisions;
    return behind <= newest ? newest - behind : word0 >> 16;
  }

  void FindTwinsAtHome() {
    for (size_t i = 0; i < at_home_.size(); ++i) {
      for (size_t j = i; j-- > 0;) {
        if (at_home_[j].hash == at_home_[i].hash &&
            ReportIfSameKey({bucket_, at_home_[i].way}, {bucket_, at_home_[j].way})) {
          break;
        }
      }
    }
  }

  void CheckSlot(const PackedPlace& place) {
    ++result_.entries;
    const uint64_t bucket = place.bucket;
    const auto way = static_cast<uint32_t>(place.way);
    const SlotHead& slot = table_.slot(bucket, way);
    const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if ((sequence & 1) != 0) return SlotProblem(place, "a live entry is marked as being written");
    const uint64_t revision = RevisionOf(sequence);
    newest_revision_ = std::max(newest_revision_, revision);
    if (revision > newest_commit_) {
      SlotProblem(place, "an entry is newer than its bucket's last commit");
    }
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry_, lengths)) return SlotProblem(place, "impossible lengths");
    if (slot.expiry_ns.load(kRelaxed) != 0) {
      ++expiring_;
      const uint64_t gone = GoneNs(slot);
      earliest_gone_ = std::min(earliest_gone_, gone);
      if (geometry_.has_expiries) {
        const uint64_t noted =
            table_.group_expiry(bucket / kBucketsPerExpiry).next_expiry.load(kRelaxed);
        if (noted == 0 || noted > gone) {
          SlotProblem(place, "it expires before the time noted for its group: no sweep removes it");
        }
      }
    } else if (lengths.lease()) {
      SlotProblem(place, "a lease without end");
    }

    std::string key;
    if (CopyKey(table_, slot, sequence, lengths, &key) != Look::kWhole) {
      SlotProblem(place, "the extents of its key hold another entry");
      return EnterChain(place, slot, sequence, lengths.chain_bytes());
    }
    const uint64_t hash = HashKey(key, geometry_.hash_seed);
    if (lengths.long_key() && LongKeyHash(slot) != hash) {
      SlotProblem(place, "its hash is not that of its key: it cannot be found");
    } else if (CompareKey(table_, slot, lengths, key, hash) != Look::kWhole) {
      SlotProblem(place, "the bytes behind its key are not zero: it cannot be found");
    }
    if (table_.head(bucket).tags[way].load(kRelaxed) != TagOf(hash)) {
      SlotProblem(place, "wrong tag");
    }
    if (table_.hints(bucket).tags[way].load(kRelaxed) != TagOf(hash)) {
      SlotProblem(place, "wrong hint");
    }
    const uint64_t home = HomeBucket(hash, geometry_.bucket_count);
    const uint64_t distances = table_.distances(bucket).distances.load(kRelaxed);
    if ((distances >> 4 * way & kMostDistance) !=
        std::min<uint64_t>(table_.Distance(home, bucket), kMostDistance)) {
      SlotProblem(place, "wrong distance from its home");
    }
    if (geometry_.evicts() &&
        (table_.ghosts(bucket).extent_ways.load(kRelaxed) >> way & 1) != lengths.in_extents()) {
      SlotProblem(place, "wrong note of its extents: it cannot be evicted for them");
    }
    if (bucket == home) {
      at_home_.push_back({hash, way});
    } else {
      displaced_.Add({hash, HashKey(key, second_seed_), place});
      ends_.push_back(bucket * kOverflowClasses + OverflowClass(hash));
      if (bucket < home) ++past_end_[OverflowClass(hash)];
    }
    if (lengths.in_extents()) EnterChain(place, slot, sequence, lengths.chain_bytes());
  }

  void EnterChain(const PackedPlace& place, const SlotHead& slot, uint64_t sequence,
                  uint64_t chain_bytes) {
    absl::StatusOr<Chain> chain = ChainOf(table_, slot);
    if (!chain.ok()) return SlotProblem(place, "impossible extent link");
    chain_place_ = place;
    chain_sequence_ = sequence & ~kMovedBit;
    chain_last_ = chain->last;
    chain_left_ = ChainLength(geometry_, chain_bytes);
    chain_extent_ = chain->first;
  }

  void CheckExtent() {
    const uint32_t left = std::exchange(chain_left_, 0);  // unless its next extent is to be checked
    const uint32_t index = chain_extent_;
    if (index >= geometry_.extent_count) {
      return SlotProblem(chain_place_, "its chain of extents leads nowhere");
    }
    if (extent_seen_[index]) {
      return SlotProblem(chain_place_, "its extents belong to another value too");
    }
    extent_seen_[index] = true;
    ++result_.extents_in_use;
    const ExtentHead& extent = table_.extent(index);
    if (extent.sequence.load(kRelaxed) != chain_sequence_) {
      SlotProblem(chain_place_, "an extent of it holds another value");
    }
    if (left == 1 && index != chain_last_) {
      return SlotProblem(chain_place_, "its chain of extents ends elsewhere than its link says");
    }
    chain_extent_ = extent.next.load(kRelaxed);
    chain_left_ = left - 1;
    const uint32_t run = extent.run.load(kRelaxed);
    if (run > chain_left_ || (run != 0 && chain_extent_ != index + 1)) {
      SlotProblem(chain_place_, "an extent of it is wrong about those that follow it");
    }
  }

  // Walks over the buckets with passing_: how many displaced entries of each class have their home
  // in this bucket or before and live behind it. Visits an entry whose home is the bucket at hand,
  // else judges the bucket's overflow counts.
  void VisitOverflow() {
    if (!displaced_.empty() && HomeOf(displaced_.first()) == next_bucket_) {
      const Displaced entry = displaced_.first();
      displaced_.RemoveFirst();
      ++passing_[OverflowClass(entry.hash)];
      return FindTwinOf(entry);
    }
    for (; !ends_.empty() && ends_.front() / kOverflowClasses == next_bucket_; ends_.pop_front()) {
      --passing_[ends_.front() % kOverflowClasses];
    }
    for (uint32_t overflow_class = 0; overflow_class < kOverflowClasses; ++overflow_class) {
      CheckOverflowCount(next_bucket_, overflow_class, passing_[overflow_class]);
    }
    if (++next_bucket_ == geometry_.bucket_count) phase_ = Phase::kExtentMap;
  }

  void CheckOverflowCount(uint64_t bucket, uint32_t overflow_class, uint64_t passing) {
    const uint32_t count = OverflowCount(table_.head(bucket), overflow_class);
    if (count < std::min<uint64_t>(passing, kOverflowFull)) {
      Problem(absl::StrCat("bucket ", bucket, " counts ", count,
                           base::OneOrMany(count, " overflowed entry", " overflowed entries"),
                           " of class ", overflow_class, " where there ",
                           base::OneOrMany(passing, "is ", "are "), passing, ": ",
                           base::OneOrMany(passing, "it", "they"), " cannot be found"));
    } else if (count > passing) {
      ++result_.loose_overflow_counts;
    }
  }

  // Compares a displaced entry with those at its home, else with its neighbour in the order of
  // hashes. Those at home are compared among each other by FindTwinsAtHome().
  void FindTwinOf(const Displaced& entry) {
    const absl::optional<Displaced> neighbour = std::exchange(last_displaced_, entry);
    // A process that knows the store's seed can make keys of one hash, but not of both.
    if (!HasTwinAtHome(entry) && neighbour.has_value() && neighbour->hash == entry.hash &&
        neighbour->second_hash == entry.second_hash) {
      ReportIfSameKey(entry.place, neighbour->place);
    }
  }

  bool HasTwinAtHome(const Displaced& entry) {
    const uint64_t home = HomeOf(entry);
    const BucketHead& head = table_.head(home);
    uint32_t live = LiveWays(head.word0.load(kRelaxed)) & geometry_.ways_mask;
    for (; live != 0; live &= live - 1) {
      const auto way = static_cast<uint32_t>(__builtin_ctz(live));
      if (head.tags[way].load(kRelaxed) == TagOf(entry.hash) &&
          ReportIfSameKey(entry.place, {home, way})) {
        return true;
      }
    }
    return false;
  }

  // True if it did.
  bool ReportIfSameKey(const PackedPlace& place, const PackedPlace& other) {
    const std::string key = KeyAt(place);
    if (key.empty() || key != KeyAt(other)) return false;
    Problem(absl::StrCat("bucket ", place.bucket, " way ", place.way,
                         ": the same key is live in bucket ", other.bucket, " way ", other.way));
    return true;
  }

  // Empty if there is none.
  std::string KeyAt(const PackedPlace& place) const {
    const SlotHead& slot = table_.slot(place.bucket, place.way);
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry_, lengths)) return "";
    std::string key;
    const uint64_t sequence = slot.sequence.load(kRelaxed);
    return CopyKey(table_, slot, sequence, lengths, &key) == Look::kWhole ? key : "";
  }

  uint64_t HomeOf(const Displaced& entry) const {
    return HomeBucket(entry.hash, geometry_.bucket_count);
  }

  // Compares the next word of the extent map with what the values have.
  void VisitMapWord() {
    if (next_map_word_ == MapWords(geometry_)) return EndExtentMap();
    const uint64_t word = next_map_word_++;
    const uint64_t bits = table_.extent_map(word).load(kRelaxed);
    const uint64_t end = std::min<uint64_t>(geometry_.extent_count, (word + 1) * 64);
    bool full = true;
    for (uint64_t extent = word * 64; extent < end; ++extent) {
      const bool in_use = (bits >> extent % 64 & 1) != 0;
      full = full && in_use;
      if (!in_use) ++free_found_;
      if (in_use && !extent_seen_[extent]) ++lost_;
      if (!in_use && extent_seen_[extent]) {
        Problem(absl::StrCat("extent ", extent, " is free and in use"));
      }
    }
    const uint64_t summary = table_.extent_map(MapWords(geometry_) + word / 64).load(kRelaxed);
    if (((summary >> word % 64 & 1) != 0) != full) {
      Problem(absl::StrCat("the summary of the extent map is wrong for the extents ", word * 64,
                           " to ", end - 1));
    }
  }

  void EndExtentMap() {
    const ExtentLine& line = table_.fixed().extents;
    const uint64_t free_count = line.free_count.load(kRelaxed);
    if (free_found_ != free_count) {
      Problem(absl::StrCat(free_found_,
                           base::OneOrMany(free_found_, " extent is free, the count says ",
                                           " extents are free, their count says "),
                           free_count));
    }
    if (lost_ != 0)
      Problem(absl::StrCat(lost_, base::OneOrMany(lost_, " extent is neither free nor in use",
                                                  " extents are neither free nor in use")));
    const uint32_t hand = line.hand.load(kRelaxed);
    if (hand != 0 && hand >= geometry_.extent_count) {
      Problem(absl::StrCat("the search for free extents would begin at ", hand, " of ",
                           geometry_.extent_count));
    }
    phase_ = Phase::kChanges;
  }

  void VisitChange() {
    if (changes_.done()) return CheckCounters();
    std::string problem = changes_.Step();
    if (!problem.empty()) Problem(std::move(problem));
  }

  // The last of all.
  void CheckCounters() {
    const Counters& counters = table_.fixed().counters;
    const auto expect = [this](absl::string_view what, uint64_t counted, uint64_t found) {
      if (counted != found) {
        Problem(absl::StrCat("the ", what, " count says ", counted, ", there ",
                             base::OneOrMany(found, "is ", "are "), found));
      }
    };
    expect("entry", counters.entries.load(kRelaxed), result_.entries);
    expect("expiring entry", counters.expiring.load(kRelaxed), expiring_);
    if (table_.fixed().expiry.next_expiry.load(kRelaxed) > earliest_gone_) {
      Problem("an entry expires before the time noted as the earliest");
    }
    if (counters.revision.load(kRelaxed) < newest_revision_) {
      Problem("an entry has a revision that was not handed out yet");
    }
    if (result_.entries > geometry_.capacity) {
      Problem(absl::StrCat(result_.entries, " entries are more than the capacity of ",
                           geometry_.capacity));
    }
    phase_ = Phase::kDone;
  }

  const Table& table_;
  const Geometry& geometry_;
  const uint64_t second_seed_ = os::RandomBits();
  CheckResult result_;
  Phase phase_ = Phase::kSlots;
  uint64_t next_bucket_ = 0;
  std::vector<bool> extent_seen_;

  // The bucket at hand.
  uint64_t bucket_ = 0;
  uint64_t word0_ = 0;
  uint32_t live_ = 0;  // ways not visited yet
  struct AtHome {
    uint64_t hash;
    uint32_t way;
  };
  std::vector<AtHome> at_home_;

  // The value at hand.
  PackedPlace chain_place_ = {};
  uint64_t chain_sequence_ = 0;
  uint32_t chain_last_ = 0;
  uint32_t chain_left_ = 0;  // extents not visited yet
  uint32_t chain_extent_ = 0;

  DisplacedEntries displaced_;
  absl::optional<Displaced> last_displaced_;  // that was judged
  std::deque<uint64_t> ends_;  // bucket * kOverflowClasses + class of each, in that order
  std::array<uint64_t, kOverflowClasses> past_end_ = {};  // of them: home at a later bucket
  std::array<uint64_t, kOverflowClasses> passing_ = {};

  uint64_t next_map_word_ = 0;
  uint64_t free_found_ = 0;
  uint64_t lost_ = 0;  // extents that the map calls in use and no value has

  ChangeWalk changes_;

  uint64_t expiring_ = 0;
  uint64_t earliest_gone_ = ~uint64_t{0};
  uint64_t newest_revision_ = 0;
  uint64_t newest_commit_ = 0;  // see NewestCommitOf(), of the bucket at hand
};

Checker::Checker(const Table& table) : impl_(std::make_unique<Impl>(table)) {}
Checker::~Checker() = default;

void Checker::Step() {
  for (int visit = 0; visit < kVisitsPerStep && !done(); ++visit) impl_->Visit();
}

bool Checker::done() const { return impl_->done(); }
const CheckResult& Checker::result() const { return impl_->result(); }

CheckResult Check(const Table& table) {
  Checker checker(table);
  while (!checker.done()) checker.Step();
  return checker.result();
}

}  // namespace cubby::table
