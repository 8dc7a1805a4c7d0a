// Eviction: what a full store gives up, and what it keeps.
#include "table/eviction.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/stats.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::IsEmpty;

Geometry EvictingGeometry(uint64_t capacity) {
  GeometryOptions options;
  options.capacity = capacity;
  options.slot_bytes = 64;
  options.max_value_bytes = 400;
  options.extent_bytes = 64;
  options.full_policy = FullPolicy::kEvict;
  Geometry geometry = PlanGeometry(options).value();
  geometry.hash_seed = 1;  // the same at each run
  return geometry;
}

// Gets a key as a client that may write does.
bool Use(const TableBuffer& buffer, const std::string& key) {
  Found found;
  if (Reader(buffer.table()).Get(key, NoSink(), &found) != Outcome::kFound) return false;
  MarkUse(buffer.table(), found.place);
  return true;
}

// The rule of table/eviction.h over maps and lists, for one table. What lies where is read from the
// table; recency is kept apart.
class Reference {
 public:
  explicit Reference(const TableBuffer& buffer) : buffer_(buffer) {}

  void Got(const std::string& key) {
    int& mark = entries_.at(key).mark;
    mark = std::min(mark + 1, 3);
  }
  void Overwritten(const std::string& key) { Got(key); }

  // Returns the key that a put of `key`, which has no entry, must evict.
  std::string Victim(const std::string& key) {
    std::vector<std::string> keys = KeysOf(buffer_.HomeOf(key));
    const uint64_t next = buffer_.table().NextBucket(buffer_.HomeOf(key));
    for (std::string& other : KeysOf(next)) keys.push_back(std::move(other));
    for (int step = 1;; ++step) {
      const auto small = std::count_if(
          keys.begin(), keys.end(), [this](const std::string& k) { return !entries_.at(k).main; });
      const auto all = static_cast<int64_t>(keys.size());
      const bool from_small = 8 * small > all || small == all;
      const std::string* oldest = nullptr;
      for (const std::string& k : keys) {
        if (entries_.at(k).main == from_small) continue;
        if (oldest == nullptr || IsBefore(k, *oldest)) oldest = &k;
      }
      Recency& recency = entries_.at(*oldest);
      if (recency.mark == 0 || step == 64) return *oldest;
      recency = {true, Now(), from_small ? 0 : recency.mark - 1};
    }
  }
  void Evicted(const std::string& key) {
    if (!entries_.at(key).main) {
      std::deque<uint16_t>& ghosts = ghosts_[buffer_.HomeOf(key)];
      ghosts.push_front(FingerprintOf(key));
      if (ghosts.size() > 7) ghosts.pop_back();
    }
    entries_.erase(key);
  }
  void Put(const std::string& key) {
    std::deque<uint16_t>& ghosts = ghosts_[buffer_.HomeOf(key)];
    const auto ghost = std::find(ghosts.begin(), ghosts.end(), FingerprintOf(key));
    const bool main = ghost != ghosts.end();
    if (main) *ghost = 0;  // its place stays taken
    entries_[key] = {main, Now(), 0};
    ++inserts_;
  }

 private:
  struct Recency {
    bool main = false;
    uint64_t epoch = 0;
    int mark = 0;
  };

  uint64_t Now() const {
    uint64_t per_epoch = 1;
    while (per_epoch * 2 <= buffer_.geometry().capacity / 16) per_epoch *= 2;
    return inserts_ / per_epoch % 128;
  }
  uint16_t FingerprintOf(const std::string& key) const {
    const auto bits = static_cast<uint16_t>(buffer_.Hash(key) >> 8);
    return bits == 0 ? 1 : bits;
  }
  // True if `a` goes before `b`, both of one queue, and `b` was there first.
  bool IsBefore(const std::string& a, const std::string& b) const {
    const Recency& of_a = entries_.at(a);
    const Recency& of_b = entries_.at(b);
    const uint64_t age_a = (Now() + 128 - of_a.epoch) % 128;
    const uint64_t age_b = (Now() + 128 - of_b.epoch) % 128;
    if (age_a != age_b) return age_a > age_b;
    return of_a.main && of_a.mark == 0 && of_b.mark != 0;
  }
  // The keys that live in a bucket, in the order of their ways.
  std::vector<std::string> KeysOf(uint64_t bucket) const {
    std::vector<std::string> keys;
    const WritableTable& table = buffer_.table();
    for (uint32_t way = 0; way < buffer_.geometry().ways; ++way) {
      if ((LiveWays(table.head(bucket).word0.load()) >> way & 1) == 0) continue;
      const SlotHead& slot = table.slot(bucket, way);
      std::string key;
      EXPECT_EQ(
          CopyKey(table, slot, slot.sequence.load(), UnpackLengths(slot.lengths.load()), &key),
          Look::kWhole);
      keys.push_back(std::move(key));
    }
    return keys;
  }

  const TableBuffer& buffer_;
  std::map<std::string, Recency> entries_;
  std::map<uint64_t, std::deque<uint16_t>> ghosts_;
  uint64_t inserts_ = 0;
};

TEST(EvictionTest, EveryVictimIsThatOfTheReference) {
  for (const uint64_t capacity : {20, 100, 1000}) {
    SCOPED_TRACE(capacity);
    TableBuffer buffer(EvictingGeometry(capacity));
    Reference reference(buffer);
    std::set<std::string> present;
    std::mt19937 random(1);
    std::geometric_distribution<int> rank(3.0 / static_cast<double>(capacity));
    int evicted = 0;
    for (int i = 0; i < 30'000; ++i) {
      // Keys near a point that moves on slowly: some are got often, all are forgotten one day.
      const std::string key = absl::StrCat("k", rank(random) + i / 10);
      const bool found = Use(buffer, key);
      ASSERT_EQ(found, present.count(key) != 0) << key;
      if (found) {
        reference.Got(key);
        if (i % 5 != 0) continue;
        reference.Overwritten(key);
        ASSERT_TRUE(buffer.Put(key, "again").ok());
        continue;
      }
      absl::optional<std::string> victim;
      if (present.size() == capacity) victim = reference.Victim(key);
      ASSERT_TRUE(buffer.Put(key, "v").ok());
      if (victim.has_value()) {
        ASSERT_EQ(buffer.Get(*victim), "<not found>") << "put " << i << " of " << key;
        reference.Put(key);
        reference.Evicted(*victim);
        present.erase(*victim);
        ++evicted;
      } else {
        reference.Put(key);
      }
      present.insert(key);
      ASSERT_EQ(ReadStats(buffer.table()).entries, present.size());
    }
    EXPECT_GT(evicted, 1000);
    EXPECT_EQ(ReadStats(buffer.table()).evictions, static_cast<uint64_t>(evicted));
    for (const std::string& key : present) EXPECT_NE(buffer.Get(key), "<not found>") << key;
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  }
}

TEST(EvictionTest, AFullStoreTakesEveryKeyAndHoldsAsManyAsItsCapacity) {
  for (const uint64_t capacity : {1, 2, 15, 1000}) {
    TableBuffer buffer(EvictingGeometry(capacity));
    for (uint64_t i = 0; i < 5 * capacity + 10; ++i) {
      ASSERT_TRUE(buffer.Put(absl::StrCat("k", i), "v").ok()) << i;
      ASSERT_EQ(buffer.Get(absl::StrCat("k", i)), "v") << i;
      ASSERT_EQ(ReadStats(buffer.table()).entries, std::min(i + 1, capacity));
    }
    const CheckResult result = Check(buffer.table());
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.loose_overflow_counts, 0u);
  }
}

TEST(EvictionTest, WhatIsGotOftenStaysWhileAScanPasses) {
  constexpr int kCapacity = 1000;
  TableBuffer buffer(EvictingGeometry(kCapacity));
  constexpr int kHot = 100;
  for (int i = 0; i < kHot; ++i) ASSERT_TRUE(buffer.Put(absl::StrCat("hot", i), "v").ok());
  int lost = 0;
  for (int i = 0; i < 20 * kCapacity; ++i) {
    ASSERT_TRUE(buffer.Put(absl::StrCat("scan", i), "v").ok());
    const std::string hot = absl::StrCat("hot", i % kHot);
    if (Use(buffer, hot)) continue;
    ++lost;
    ASSERT_TRUE(buffer.Put(hot, "v").ok());
  }
  // Only by chance in a bucket where many are hot; with random victims it would be one in ten.
  EXPECT_LT(lost, 20);
}

TEST(EvictionTest, AnExpiredVictimIsNoEvictionAndLeavesNoGhost) {
  TableBuffer buffer(EvictingGeometry(1));
  ASSERT_TRUE(buffer.Put("a", "v", UpdateKind::kSet, /*expiry_ns=*/10).ok());
  ASSERT_TRUE(buffer.Put("b", "v", UpdateKind::kSet, 0, /*now_ns=*/20).ok());
  EXPECT_EQ(ReadStats(buffer.table()).evictions, 0u);
  EXPECT_EQ(ReadStats(buffer.table()).expired, 1u);
  EXPECT_EQ(ReadStats(buffer.table()).expiring, 0u);
  for (const auto& ghost : buffer.table().ghosts(buffer.HomeOf("a")).fingerprints) {
    EXPECT_EQ(ghost.load(), 0);
  }
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST(EvictionTest, AConditionThatDoesNotHoldEvictsNothing) {
  TableBuffer buffer(EvictingGeometry(1));
  ASSERT_TRUE(buffer.Put("a", "v").ok());
  EXPECT_TRUE(absl::IsNotFound(buffer.Put("b", "v", UpdateKind::kReplace).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(buffer.Put("a", "w", UpdateKind::kAdd).status()));
  EXPECT_EQ(buffer.Get("a"), "v");
  EXPECT_TRUE(buffer.Put("b", "v", UpdateKind::kAdd).ok());
  EXPECT_EQ(buffer.Get("a"), "<not found>");
}

class ExtentEvictionTest : public ::testing::Test {
 protected:
  // 16 extents of 48 bytes each.
  static Geometry SmallPool(uint64_t capacity) {
    GeometryOptions options;
    options.capacity = capacity;
    options.slot_bytes = 64;
    options.max_value_bytes = 384;
    options.extent_bytes = 64;
    options.extent_pool_bytes = 16 * 64;
    options.full_policy = FullPolicy::kEvict;
    Geometry geometry = PlanGeometry(options).value();
    geometry.hash_seed = 1;
    return geometry;
  }
  static std::string Value(size_t extents) { return std::string(extents * 48, 'v'); }

  void ExpectSound() const {
    const CheckResult result = Check(buffer_.table());
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.loose_overflow_counts, 0u);
  }

  TableBuffer buffer_{SmallPool(100)};
};

TEST_F(ExtentEvictionTest, AFullPoolTakesWhatFitsFromEntriesThatHaveExtents) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(buffer_.Put(absl::StrCat("short", i), "v").ok());
  for (int i = 0; i < 200; ++i) {
    const std::string value = Value(1 + i % 8);
    ASSERT_TRUE(buffer_.Put(absl::StrCat("long", i), value).ok()) << i;
    ASSERT_EQ(buffer_.Get(absl::StrCat("long", i)), value) << i;
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(buffer_.Get(absl::StrCat("short", i)), "v");
  EXPECT_GT(ReadStats(buffer_.table()).evictions, 100u);
  ExpectSound();
}

TEST_F(ExtentEvictionTest, AnOverwriteThatNeedsRoomKeepsTheOldValueUntilItIsDone) {
  ASSERT_TRUE(buffer_.Put("k", Value(8)).ok());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(buffer_.Put(absl::StrCat("other", i), Value(1)).ok());
  // The pool is full: the other 8 go, for a copy beside the old one.
  const std::string value(size_t{8} * 48, 'w');
  ASSERT_TRUE(buffer_.Put("k", value).ok());
  EXPECT_EQ(buffer_.Get("k"), value);
  EXPECT_EQ(ReadStats(buffer_.table()).evictions, 8u);
  ExpectSound();
}

TEST_F(ExtentEvictionTest, TheKeysExpiredEntryMayGoWhileRoomIsMade) {
  GeometryOptions options = TinyOptions();
  options.full_policy = FullPolicy::kEvict;
  options.extent_pool_bytes = uint64_t{18} * 64;  // two values of the largest size
  TableBuffer buffer(options);
  const std::string value(400, 'v');
  // Three keys of one home: two fill it, so the third lives in the next bucket.
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 3; ++i) {
    const std::string key = absl::StrCat("k", i);
    if (keys.empty() || buffer.HomeOf(key) == buffer.HomeOf(keys[0])) keys.push_back(key);
  }
  ASSERT_TRUE(buffer.Put(keys[0], value).ok());
  ASSERT_TRUE(buffer.Put(keys[1], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[2], value, UpdateKind::kSet, /*expiry_ns=*/10).ok());
  // The first goes, and what would move to its place is the third, which has expired.
  ASSERT_TRUE(buffer.Put(keys[2], value, UpdateKind::kSet, 0, /*now_ns=*/20).ok());
  EXPECT_EQ(buffer.Get(keys[0]), "<not found>");
  EXPECT_EQ(buffer.Get(keys[2]), value);
  EXPECT_EQ(ReadStats(buffer.table()).entries, 2u);
  EXPECT_EQ(ReadStats(buffer.table()).expired, 1u);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(ExtentEvictionTest, EntriesFarApartAreFound) {
  TableBuffer buffer(SmallPool(20'000));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(buffer.Put(absl::StrCat(i), Value(8)).ok()) << i;
  }
  EXPECT_EQ(ReadStats(buffer.table()).entries, 2u);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST(EvictionTest, MovesAndOverwritesKeepWhatEvictionNeeds) {
  TableBuffer buffer(EvictingGeometry(200));
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = absl::StrCat("k", random() % 400);
    switch (random() % 4) {
      case 0:
        (void)buffer.Delete(key);
        break;
      case 1:
        Use(buffer, key);
        break;
      default:
        ASSERT_TRUE(buffer.Put(key, std::string(random() % 120, 'v')).ok());
    }
  }
  // Looks at the note of each entry's extents, too.
  const CheckResult result = Check(buffer.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.loose_overflow_counts, 0u);
}

TEST(EvictionTest, AnyBytesOfRecencyDoNoHarm) {
  const Geometry geometry = EvictingGeometry(300);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    TableBuffer buffer(geometry);
    std::mt19937 random(seed);
    for (int i = 0; i < 2000; ++i) {
      if (i % 500 == 0) {
        for (uint64_t bucket = 0; bucket < geometry.bucket_count; ++bucket) {
          const WritableTable& table = buffer.table();
          table.mutable_marks(bucket).marks.store(random());
          for (auto& rank : table.mutable_ranks(bucket).ranks) {
            rank.store(static_cast<uint8_t>(random()));
          }
          for (auto& ghost : table.mutable_ghosts(bucket).fingerprints) {
            ghost.store(static_cast<uint16_t>(random()));
          }
        }
        RecencyLine& line = buffer.table().mutable_fixed().recency;
        line.inserts.store(uint64_t{random()} << 32 | random());
        line.extent_hand.store(uint64_t{random()} << 32 | random());
      }
      const std::string key = absl::StrCat("k", random() % 1000);
      if (Use(buffer, key)) continue;
      ASSERT_TRUE(buffer.Put(key, std::string(random() % 120, 'v')).ok()) << i;
    }
    ASSERT_THAT(Check(buffer.table()).problems, IsEmpty()) << seed;
  }
}

}  // namespace
}  // namespace cubby::table
