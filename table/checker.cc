#include "table/checker.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "table/bytes.h"
#include "table/extents.h"
#include "table/hash.h"
#include "table/reader.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// An entry that lives away from home, noted while walking to judge the overflow counts with
// afterwards.
struct Displaced {
  uint64_t home;
  uint64_t distance;
  uint32_t overflow_class;
};

class Checker {
 public:
  explicit Checker(const Table& table)
      : table_(table), geometry_(table.geometry()), extent_seen_(geometry_.extent_count, false) {}

  CheckResult Run() {
    if (table_.fixed().intent.operation.load(kRelaxed) != static_cast<uint64_t>(Operation::kNone)) {
      Problem("a killed writer's operation is not mended yet (the next put or delete does)");
    }
    for (uint64_t bucket = 0; bucket < geometry_.bucket_count; ++bucket) CheckBucket(bucket);
    CheckOverflow();
    CheckDuplicates();
    CheckFreeQueue();
    CheckCounters();
    return std::move(result_);
  }

 private:
  struct Filed {
    uint64_t hash;
    uint64_t bucket;
    uint32_t way;
  };

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
    for (; live != 0; live &= live - 1) {
      CheckSlot(bucket, static_cast<uint32_t>(__builtin_ctz(live)), word0);
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
    if (table_.head(bucket).tags[way].load(kRelaxed) != TagOf(hash)) problem("wrong tag");
    if (table_.hints(bucket).tags[way].load(kRelaxed) != HintOf(TagOf(hash))) {
      problem("wrong hint");
    }
    const uint64_t home = HomeBucket(hash, geometry_.bucket_count);
    const uint64_t distance = table_.Distance(home, bucket);
    if (distance != 0) displaced_.push_back({home, distance, OverflowClass(hash)});
    filed_.push_back({hash, bucket, way});
    if (lengths.in_extents) CheckChain(slot, sequence, lengths.value_bytes, problem);
  }

  template <typename Report>
  void CheckChain(const SlotHead& slot, uint64_t sequence, uint32_t value_bytes,
                  const Report& problem) {
    absl::StatusOr<Chain> chain = ChainOf(table_, slot);
    if (!chain.ok()) return problem("impossible extent link");
    uint32_t index = chain->first;
    for (uint32_t i = 0; i < ChainLength(geometry_, value_bytes); ++i) {
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

  // Adds up what the counts should be by the ends of the stretches that displaced entries pass
  // over: +1 where one begins, -1 where it ends, summed along the table; a stretch that passes the
  // table's end is two.
  void CheckOverflow() {
    for (uint32_t overflow_class = 0; overflow_class < kOverflowClasses; ++overflow_class) {
      std::vector<int64_t> change(geometry_.bucket_count + 1, 0);
      for (const Displaced& entry : displaced_) {
        if (entry.overflow_class != overflow_class) continue;
        const uint64_t end = entry.home + entry.distance;
        ++change[entry.home];
        if (end <= geometry_.bucket_count) {
          --change[end];
        } else {
          --change[geometry_.bucket_count];
          ++change[0];
          --change[end - geometry_.bucket_count];
        }
      }
      int64_t wanted = 0;
      for (uint64_t bucket = 0; bucket < geometry_.bucket_count; ++bucket) {
        wanted += change[bucket];
        const int64_t count = table_.head(bucket).overflow[overflow_class].load(kRelaxed);
        if (count < std::min<int64_t>(wanted, 0xffff)) {
          Problem(absl::StrCat("bucket ", bucket, " counts ", count,
                               " overflowed entries of class ", overflow_class, " where there are ",
                               wanted, ": they cannot be found"));
        } else if (count > wanted) {
          ++result_.loose_overflow_counts;
        }
      }
    }
  }

  void CheckDuplicates() {
    std::sort(filed_.begin(), filed_.end(),
              [](const Filed& a, const Filed& b) { return a.hash < b.hash; });
    for (size_t i = 1; i < filed_.size(); ++i) {
      // Equal 64-bit hashes of different keys are possible and harmless; their bytes decide.
      for (size_t j = i; j-- > 0 && filed_[j].hash == filed_[i].hash;) {
        if (KeyOf(filed_[i]) == KeyOf(filed_[j])) {
          Problem(absl::StrCat("bucket ", filed_[i].bucket, " way ", filed_[i].way,
                               ": the same key is live in bucket ", filed_[j].bucket, " way ",
                               filed_[j].way));
        }
      }
    }
  }

  std::string KeyOf(const Filed& filed) const {
    const SlotHead& slot = table_.slot(filed.bucket, filed.way);
    const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
    if (!LengthsArePossible(geometry_, lengths)) return "";
    std::string key(lengths.key_bytes, '\0');
    CopyFromShared(&key[0], SlotBytes(slot), lengths.key_bytes);
    return key;
  }

  void CheckFreeQueue() {
    if (geometry_.extent_count == 0) return;
    const ExtentQueue& queue = table_.fixed().extents;
    const uint64_t free_count = queue.free_count.load(kRelaxed);
    uint64_t found = 0;
    uint32_t index = queue.head.load(kRelaxed);
    const uint32_t tail = queue.tail.load(kRelaxed);
    for (; found < geometry_.extent_count; index = table_.extent(index).next.load(kRelaxed)) {
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
    if (table_.fixed().sweep.next_expiry.load(kRelaxed) > earliest_expiry_) {
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
  CheckResult result_;
  std::vector<bool> extent_seen_;
  std::vector<Displaced> displaced_;
  std::vector<Filed> filed_;
  uint64_t expiring_ = 0;
  uint64_t earliest_expiry_ = ~uint64_t{0};
  uint64_t newest_revision_ = 0;
};

}  // namespace

CheckResult Check(const Table& table) { return Checker(table).Run(); }

}  // namespace cubby::table
