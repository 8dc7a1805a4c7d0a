#include "table/checker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/process.h"
#include "table/bytes.h"
#include "table/extents.h"
#include "table/hash.h"
#include "table/reader.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// How much is done between two looks whether to go on: buckets and extents, which take some 100 ns
// to a microsecond each.
constexpr uint64_t kStepsPerLook = 256;

struct Place {
  uint64_t bucket : 60;
  uint64_t way : 4;
};

// An entry that lives away from home, noted on the way along the table to be judged afterwards.
struct Displaced {
  uint64_t hash;  // in whose order homes come, too
  uint64_t second_hash;
  Place place;
};
static_assert(sizeof(Displaced) == 24, "the header says what they take");

class Checker {
 public:
  Checker(const Table& table, absl::FunctionRef<absl::Status()> go_on)
      : table_(table),
        geometry_(table.geometry()),
        go_on_(go_on),
        extent_seen_(geometry_.extent_count, false) {}

  absl::StatusOr<CheckResult> Run() {
    if (table_.fixed().intent.operation.load(kRelaxed) != static_cast<uint64_t>(Operation::kNone)) {
      Problem("a killed writer's operation is not mended yet (the next put or delete does)");
    }
    for (uint64_t bucket = 0; bucket < geometry_.bucket_count; ++bucket) {
      if (Stopped()) return stopped_;
      CheckBucket(bucket);
    }
    std::sort(displaced_.begin(), displaced_.end(), [](const Displaced& a, const Displaced& b) {
      return std::tie(a.hash, a.second_hash) < std::tie(b.hash, b.second_hash);
    });
    CheckOverflow();
    CheckDuplicates();
    CheckFreeQueue();
    if (!stopped_.ok()) return stopped_;
    CheckCounters();
    return std::move(result_);
  }

 private:
  // To be called with each step. True once there is to be none any more.
  bool Stopped() {
    if (stopped_.ok() && ++steps_ % kStepsPerLook == 0) stopped_ = go_on_();
    return !stopped_.ok();
  }

  void Problem(std::string line) {
    if (result_.problems.size() < kMaxProblems) {
      result_.problems.push_back(std::move(line));
    } else {
      ++result_.more_problems;
    }
  }

  void CheckBucket(uint64_t bucket) {
    const uint64_t word0 = table_.head(bucket).word0.load(std::memory_order_acquire);
    uint32_t live = LiveWays(word0);
    if ((live & ~geometry_.ways_mask) != 0) {
      Problem(absl::StrCat("bucket ", bucket, " has live ways beyond its ", geometry_.ways));
      live &= geometry_.ways_mask;
    }
    if (live == geometry_.ways_mask) Problem(absl::StrCat("bucket ", bucket, " has no dead way"));
    at_home_.clear();
    for (; live != 0; live &= live - 1) {
      CheckSlot(bucket, static_cast<uint32_t>(__builtin_ctz(live)), word0);
    }
    for (size_t i = 0; i < at_home_.size(); ++i) {
      for (size_t j = i; j-- > 0;) {
        if (at_home_[j].hash == at_home_[i].hash &&
            ReportIfSameKey({bucket, at_home_[i].way}, {bucket, at_home_[j].way})) {
          break;
        }
      }
    }
  }

  void CheckSlot(uint64_t bucket, uint32_t way, uint64_t word0) {
    ++result_.entries;
    const auto problem = [&](absl::string_view what) {
      Problem(absl::StrCat("bucket ", bucket, " way ", way, ": ", what));
    };
    const SlotHead& slot = table_.slot(bucket, way);
    const uint64_t sequence = slot.sequence.load(std::memory_order_acquire);
    if ((sequence & 1) != 0) return problem("a live entry is marked as being written");
    const uint64_t revision = sequence >> 1;
    newest_revision_ = std::max(newest_revision_, revision);
    if (((word0 >> 16) - revision) << 16 >> 63 != 0) {
      problem("an entry is newer than its bucket's last commit");
    }
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry_, lengths)) return problem("impossible lengths");
    const uint64_t expiry = slot.expiry_ns.load(kRelaxed);
    if (expiry != 0) {
      ++expiring_;
      earliest_expiry_ = std::min(earliest_expiry_, expiry);
    }

    std::string key(lengths.key_bytes, '\0');
    CopyFromShared(&key[0], SlotBytes(slot), lengths.key_bytes);
    const uint64_t hash = HashKey(key, geometry_.hash_seed);
    if (!EqualsShared(SlotBytes(slot), key.data(), key.size())) {
      problem("the bytes behind its key are not zero: it cannot be found");
    }
    if (table_.head(bucket).tags[way].load(kRelaxed) != TagOf(hash)) problem("wrong tag");
    if (table_.hints(bucket).tags[way].load(kRelaxed) != TagOf(hash)) problem("wrong hint");
    const uint64_t home = HomeBucket(hash, geometry_.bucket_count);
    if (bucket == home) {
      at_home_.push_back({hash, way});
    } else {
      displaced_.push_back({hash, HashKey(key, second_seed_), {bucket, way}});
      ends_.push_back(bucket * kOverflowClasses + OverflowClass(hash));
      if (bucket < home) ++past_end_[OverflowClass(hash)];
    }
    if (lengths.in_extents()) CheckChain(slot, sequence, lengths.value_bytes, problem);
  }

  template <typename Report>
  void CheckChain(const SlotHead& slot, uint64_t sequence, uint32_t value_bytes,
                  const Report& problem) {
    absl::StatusOr<Chain> chain = ChainOf(table_, slot);
    if (!chain.ok()) return problem("impossible extent link");
    uint32_t index = chain->first;
    for (uint32_t i = 0; i < ChainLength(geometry_, value_bytes); ++i) {
      if (Stopped()) return;
      if (index >= geometry_.extent_count) return problem("its chain of extents leads nowhere");
      if (extent_seen_[index]) return problem("its extents belong to another value too");
      extent_seen_[index] = true;
      ++result_.extents_in_use;
      const ExtentHead& extent = table_.extent(index);
      if (extent.sequence.load(kRelaxed) != sequence) {
        return problem("an extent of it holds another value");
      }
      if (i + 1 == chain->length && index != chain->last) {
        return problem("its chain of extents ends elsewhere than its link says");
      }
      index = extent.next.load(kRelaxed);
    }
  }

  // Walks along the table with how many displaced entries of each class pass over the bucket at
  // hand: one more from an entry's home on, one less where it lives.
  void CheckOverflow() {
    std::array<uint64_t, kOverflowClasses> passing = past_end_;
    auto begins = displaced_.begin();
    auto ends = ends_.begin();
    for (uint64_t bucket = 0; bucket < geometry_.bucket_count; ++bucket) {
      if (Stopped()) return;
      for (; ends != ends_.end() && *ends / kOverflowClasses == bucket; ++ends) {
        --passing[*ends % kOverflowClasses];
      }
      for (; begins != displaced_.end() && HomeOf(*begins) == bucket; ++begins) {
        ++passing[OverflowClass(begins->hash)];
      }
      for (uint32_t overflow_class = 0; overflow_class < kOverflowClasses; ++overflow_class) {
        CheckOverflowCount(bucket, overflow_class, passing[overflow_class]);
      }
    }
  }

  void CheckOverflowCount(uint64_t bucket, uint32_t overflow_class, uint64_t passing) {
    const uint32_t count = OverflowCount(table_.head(bucket), overflow_class);
    if (count < std::min<uint64_t>(passing, kOverflowFull)) {
      Problem(absl::StrCat("bucket ", bucket, " counts ", count, " overflowed entries of class ",
                           overflow_class, " where there are ", passing, ": they cannot be found"));
    } else if (count > passing) {
      ++result_.loose_overflow_counts;
    }
  }

  // Compares each displaced entry with those at its home, else with its neighbour in the order of
  // hashes. At home they were compared already.
  void CheckDuplicates() {
    for (size_t i = 0; i < displaced_.size(); ++i) {
      if (Stopped()) return;
      const Displaced& entry = displaced_[i];
      if (HasTwinAtHome(entry)) continue;
      // Whoever knows the store's seed can make keys of one hash, but not of both.
      if (i > 0 && displaced_[i - 1].hash == entry.hash &&
          displaced_[i - 1].second_hash == entry.second_hash) {
        ReportIfSameKey(entry.place, displaced_[i - 1].place);
      }
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
  bool ReportIfSameKey(const Place& place, const Place& other) {
    const std::string key = KeyAt(place);
    if (key.empty() || key != KeyAt(other)) return false;
    Problem(absl::StrCat("bucket ", place.bucket, " way ", place.way,
                         ": the same key is live in bucket ", other.bucket, " way ", other.way));
    return true;
  }

  // Empty if there is none.
  std::string KeyAt(const Place& place) const {
    const SlotHead& slot = table_.slot(place.bucket, place.way);
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry_, lengths)) return "";
    std::string key(lengths.key_bytes, '\0');
    CopyFromShared(&key[0], SlotBytes(slot), lengths.key_bytes);
    return key;
  }

  uint64_t HomeOf(const Displaced& entry) const {
    return HomeBucket(entry.hash, geometry_.bucket_count);
  }

  void CheckFreeQueue() {
    if (geometry_.extent_count == 0) return;
    const ExtentQueue& queue = table_.fixed().extents;
    const uint64_t free_count = queue.free_count.load(kRelaxed);
    uint64_t found = 0;
    uint32_t index = queue.head.load(kRelaxed);
    const uint32_t tail = queue.tail.load(kRelaxed);
    for (; found < geometry_.extent_count; index = table_.extent(index).next.load(kRelaxed)) {
      if (Stopped()) return;
      if (index >= geometry_.extent_count) {
        return Problem("the queue of free extents leads nowhere");
      }
      if (extent_seen_[index]) {
        return Problem(absl::StrCat("extent ", index, " is free and in use, or free twice"));
      }
      extent_seen_[index] = true;
      ++found;
      if (index == tail) break;
    }
    if (found != free_count) {
      Problem(absl::StrCat(found, " extents are in the free queue, its count says ", free_count));
    }
    const uint64_t lost =
        geometry_.extent_count -
        std::min<uint64_t>(geometry_.extent_count, found + result_.extents_in_use);
    if (lost != 0) Problem(absl::StrCat(lost, " extents are neither free nor in use"));
  }

  void CheckCounters() {
    const Counters& counters = table_.fixed().counters;
    const auto expect = [this](absl::string_view what, uint64_t counted, uint64_t found) {
      if (counted != found) {
        Problem(absl::StrCat("the ", what, " count says ", counted, ", there are ", found));
      }
    };
    expect("entry", counters.entries.load(kRelaxed), result_.entries);
    expect("expiring entry", counters.expiring.load(kRelaxed), expiring_);
    if (table_.fixed().expiry.next_expiry.load(kRelaxed) > earliest_expiry_) {
      Problem("an entry expires before the time noted as the earliest");
    }
    if (counters.revision.load(kRelaxed) < newest_revision_) {
      Problem("an entry has a revision that was not handed out yet");
    }
    if (result_.entries > geometry_.capacity) {
      Problem(absl::StrCat(result_.entries, " entries are more than the capacity of ",
                           geometry_.capacity));
    }
  }

  const Table& table_;
  const Geometry& geometry_;
  const absl::FunctionRef<absl::Status()> go_on_;
  absl::Status stopped_;
  uint64_t steps_ = 0;

  CheckResult result_;
  std::vector<bool> extent_seen_;
  struct AtHome {
    uint64_t hash;
    uint32_t way;
  };
  std::vector<AtHome> at_home_;  // of the bucket at hand
  const uint64_t second_seed_ = os::RandomBits();
  std::vector<Displaced> displaced_;
  std::vector<uint64_t> ends_;  // bucket * kOverflowClasses + class of each, in that order
  std::array<uint64_t, kOverflowClasses> past_end_ = {};  // of them: home at a later bucket
  uint64_t expiring_ = 0;
  uint64_t earliest_expiry_ = ~uint64_t{0};
  uint64_t newest_revision_ = 0;
};

}  // namespace

absl::StatusOr<CheckResult> Check(const Table& table, absl::FunctionRef<absl::Status()> go_on) {
  return Checker(table, go_on).Run();
}

CheckResult Check(const Table& table) {
  return *Check(table, [] { return absl::OkStatus(); });
}

}  // namespace cubby::table
