// Entries that move towards their homes when a delete makes room there, and what they leave: cost
// must not depend on what happened to a table before.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/expiry.h"
#include "table/overflow.h"
#include "table/scan.h"
#include "table/sweep.h"
#include "table/update.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;

class MoveTest : public ::testing::Test {
 protected:
  // Returns `count` keys whose home is that of the first one, and with `one_class` the overflow
  // class, too.
  static std::vector<std::string> KeysOfOneHome(const TableBuffer& buffer, size_t count,
                                                bool one_class = false) {
    const auto class_of = [&buffer](const std::string& key) {
      return OverflowClass(buffer.Hash(key));
    };
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < count; ++i) {
      const std::string key = absl::StrCat("k", i);
      if (keys.empty() || (buffer.HomeOf(key) == buffer.HomeOf(keys[0]) &&
                           (!one_class || class_of(key) == class_of(keys[0])))) {
        keys.push_back(key);
      }
    }
    return keys;
  }
  static uint64_t BucketOf(TableBuffer& buffer, const std::string& key) {
    uint64_t bucket = ~uint64_t{0};
    EXPECT_NE(buffer.SlotOf(key, &bucket), nullptr) << key;
    return bucket;
  }
  static uint64_t RevisionOfKey(const TableBuffer& buffer, const std::string& key) {
    Found found;
    EXPECT_EQ(Reader(buffer.table()).Get(key, NoSink(), &found), Outcome::kFound);
    return found.revision;
  }
  static uint64_t SumOfOverflow(const TableBuffer& buffer) {
    uint64_t sum = 0;
    for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
      for (uint32_t c = 0; c < kOverflowClasses; ++c) {
        sum += OverflowCount(buffer.table().head(bucket), c);
      }
    }
    return sum;
  }
};

TEST_F(MoveTest, ADeleteBringsAnEntryHome) {
  for (const size_t bytes : {size_t{5}, size_t{300}}) {  // in the slot, and in extents
    TableBuffer buffer(TinyOptions());
    const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
    for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, std::string(bytes, 'v')).ok());
    ASSERT_NE(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
    const uint64_t revision = RevisionOfKey(buffer, keys[2]);

    ASSERT_TRUE(buffer.Delete(keys[0]).ok());
    EXPECT_EQ(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
    EXPECT_EQ(buffer.Get(keys[2]), std::string(bytes, 'v'));
    EXPECT_EQ(SumOfOverflow(buffer), 0u);
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());

    // What users see of an entry does not change when it moves.
    EXPECT_EQ(RevisionOfKey(buffer, keys[2]), revision);
    Update update;
    update.kind = UpdateKind::kCompareAndSet;
    update.value = "w";
    update.if_revision = revision;
    EXPECT_TRUE(buffer.Do(keys[2], update).ok());
    EXPECT_EQ(buffer.Get(keys[2]), "w");
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  }
}

TEST_F(MoveTest, TheHoleThatAMoveLeavesIsFilledToo) {
  GeometryOptions options = TinyOptions();
  options.ways = 2;  // an entry for each bucket
  TableBuffer buffer(options);
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 4);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  ASSERT_TRUE(buffer.Delete(keys[0]).ok());
  std::vector<uint64_t> distances;
  for (size_t i = 1; i < keys.size(); ++i) {
    distances.push_back(buffer.table().Distance(buffer.HomeOf(keys[i]), BucketOf(buffer, keys[i])));
  }
  EXPECT_THAT(distances, ::testing::UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  EXPECT_EQ(Check(buffer.table()).loose_overflow_counts, 0u);
}

TEST_F(MoveTest, AnEntryDoesNotMoveBeforeItsHome) {
  GeometryOptions options = TinyOptions();
  options.ways = 2;
  TableBuffer buffer(options);
  const uint64_t buckets = buffer.geometry().bucket_count;
  const std::string first = "k0";
  std::string twin, next;
  for (int i = 1; twin.empty() || next.empty(); ++i) {
    const std::string key = absl::StrCat("k", i);
    if (buffer.HomeOf(key) == buffer.HomeOf(first) && twin.empty()) twin = key;
    if (buffer.HomeOf(key) == (buffer.HomeOf(first) + 1) % buckets && next.empty()) next = key;
  }
  // `next` at its home, and the twin of `first` overflowed past it; and the twin there, which
  // drives `next` one bucket behind its home and two behind the hole.
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{next, first, twin}, std::vector<std::string>{first, twin, next}}) {
    for (const std::string& key : order) ASSERT_TRUE(buffer.Put(key, "v").ok());
    ASSERT_TRUE(buffer.Delete(first).ok());
    EXPECT_EQ(BucketOf(buffer, next), buffer.HomeOf(next));
    EXPECT_EQ(BucketOf(buffer, twin), buffer.HomeOf(twin));
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
    for (const std::string& key : {next, twin}) ASSERT_TRUE(buffer.Delete(key).ok());
  }
}

TEST_F(MoveTest, ARecountCountsWhatLivesSomeBucketsBehindItsHome) {
  GeometryOptions options = TinyOptions();
  options.ways = 2;
  TableBuffer buffer(options);
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 4, /*one_class=*/true);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  const lock::HeldWriterRole role;
  RecountOverflow(buffer.table(), {buffer.HomeOf(keys[3]), BucketOf(buffer, keys[3]),
                                   OverflowClass(buffer.Hash(keys[3]))});
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  EXPECT_EQ(SumOfOverflow(buffer), 1u + 2u + 3u);
}

TEST_F(MoveTest, EachOfItsCommitsHasARevision) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  ASSERT_TRUE(buffer.Delete(keys[0]).ok());  // and moves keys[2]
  EXPECT_EQ(buffer.Put(keys[1], "w").value(), 3u + 1u + 2u + 1u);
}

TEST_F(MoveTest, EntriesAreAsNearToTheirHomesAfterLongUse) {
  GeometryOptions options;
  options.capacity = 50'000;
  options.slot_bytes = 48;
  options.max_value_bytes = 0;
  Geometry geometry = PlanGeometry(options).value();
  geometry.hash_seed = 1;  // the same at each run
  TableBuffer buffer(geometry);
  const auto displaced = [&buffer] {
    uint64_t count = 0;
    for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
      count += __builtin_popcount(WaysBehind(buffer.table().distances(bucket), 1) &
                                  LiveWays(buffer.table().head(bucket).word0.load()));
    }
    return count;
  };
  std::vector<int> numbers;
  for (int i = 0; i < 50'000; ++i) {
    numbers.push_back(i);
    ASSERT_TRUE(buffer.Put(absl::StrCat(i), "").ok());
  }
  const uint64_t fresh_displaced = displaced();
  const uint64_t fresh_overflow = SumOfOverflow(buffer);
  ASSERT_GT(fresh_displaced, 2000u);
  std::mt19937 random(1);
  for (int next = 50'000; next < 1'000'000; ++next) {
    int& number = numbers[random() % numbers.size()];
    ASSERT_TRUE(buffer.Delete(absl::StrCat(number)).ok());
    number = next;
    ASSERT_TRUE(buffer.Put(absl::StrCat(number), "").ok());
  }
  // Without moves these are four and five times as many.
  EXPECT_LT(displaced(), fresh_displaced * 3 / 2);
  EXPECT_LT(SumOfOverflow(buffer), fresh_overflow * 3 / 2);
  const CheckResult result = Check(buffer.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.loose_overflow_counts, 0u);
}

TEST_F(MoveTest, CountsThatWereFullComeDown) {
  GeometryOptions options = TinyOptions();
  options.capacity = 200;
  options.ways = 3;
  for (const bool forward : {true, false}) {
    TableBuffer buffer(options);
    const std::vector<std::string> keys = KeysOfOneHome(buffer, 100, /*one_class=*/true);
    for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
    ASSERT_EQ(OverflowCount(buffer.table().head(buffer.HomeOf(keys[0])),
                            OverflowClass(buffer.Hash(keys[0]))),
              kOverflowFull);
    for (size_t i = 0; i < keys.size(); ++i) {
      ASSERT_TRUE(buffer.Delete(keys[forward ? i : keys.size() - 1 - i]).ok());
      ASSERT_THAT(Check(buffer.table()).problems, IsEmpty()) << i;
    }
    EXPECT_EQ(SumOfOverflow(buffer), 0u) << forward;
  }
}

TEST_F(MoveTest, AFlushSetsAllCountsToNothing) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  // As killed writers leave them.
  for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
    buffer.table().mutable_head(bucket).overflow.store(~uint64_t{0});
  }
  Sweep flush(buffer.table(), /*everything=*/true);
  const lock::HeldWriterRole role;
  while (!flush.done()) ASSERT_TRUE(flush.Step(1).ok());
  EXPECT_EQ(flush.removed(), 1u);
  EXPECT_EQ(SumOfOverflow(buffer), 0u);
}

TEST_F(MoveTest, AFlushRemovesEntriesFromBehindBeforeTheyCanMove) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 5);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  const lock::HeldWriterRole role;
  Writer(buffer.table()).ClearAll(buffer.HomeOf(keys[0]));
  for (const std::string& key : keys) EXPECT_EQ(buffer.Get(key), "<not found>");
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(MoveTest, AnExpiredEntryIsRemovedInPlaceOfMoving) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  ASSERT_TRUE(buffer.Put(keys[0], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[1], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[2], "v", UpdateKind::kSet, /*expiry_ns=*/10).ok());
  ASSERT_TRUE(buffer.Delete(keys[0], /*now_ns=*/10).ok());
  EXPECT_EQ(buffer.SlotOf(keys[2]), nullptr);
  EXPECT_EQ(buffer.table().fixed().counters.entries.load(), 1u);
  EXPECT_EQ(buffer.table().fixed().counters.expired.load(), 1u);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(MoveTest, ASweepMovesWhatHasNotExpiredAtItsTime) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  ASSERT_TRUE(buffer.Put(keys[0], "v", UpdateKind::kSet, /*expiry_ns=*/10).ok());
  ASSERT_TRUE(buffer.Put(keys[1], "v").ok());
  // Before the boot clock's time, and after the sweep's.
  ASSERT_TRUE(buffer.Put(keys[2], "v", UpdateKind::kSet, /*expiry_ns=*/12).ok());
  const lock::HeldWriterRole role;
  Sweep sweep(buffer.table(), /*everything=*/false);
  while (!sweep.done()) ASSERT_TRUE(sweep.Step(/*now_ns=*/11).ok());
  EXPECT_EQ(sweep.removed(), 1u);
  EXPECT_EQ(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(MoveTest, AnEntryThatIsKeptAfterItsExpiryMoves) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  ASSERT_TRUE(buffer.Put(keys[0], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[1], "v").ok());
  Update update;
  update.value = "v";
  update.expiry_ns = 10;
  update.flags = StaleFlags(1'000'000'000);
  ASSERT_TRUE(buffer.Do(keys[2], update).ok());
  ASSERT_TRUE(buffer.Delete(keys[0], /*now_ns=*/10).ok());
  EXPECT_EQ(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(MoveTest, TheExpiryOfAnEntryThatMovesPastASweepIsNoted) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  ASSERT_TRUE(buffer.Put(keys[0], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[1], "v").ok());
  ASSERT_TRUE(buffer.Put(keys[2], "v", UpdateKind::kSet, /*expiry_ns=*/10).ok());
  const lock::HeldWriterRole role;
  ExpiryPass pass;  // has visited the home, and not what is behind it
  pass.Begin(buffer.table());
  ASSERT_TRUE(buffer.Delete(keys[0], /*now_ns=*/1).ok());
  ASSERT_EQ(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
  pass.End(buffer.table(), ~uint64_t{0});
  EXPECT_LE(buffer.table().fixed().expiry.next_expiry.load(), 10u);
}

TEST_F(MoveTest, IterationVisitsEntriesBehindTheirHome) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  ASSERT_NE(BucketOf(buffer, keys[2]), buffer.HomeOf(keys[2]));
  std::vector<ScannedEntry> entries;
  ASSERT_EQ(ScanHome(buffer.table(), buffer.HomeOf(keys[2]), &entries), Outcome::kFound);
  EXPECT_THAT(entries, Contains(Field(&ScannedEntry::key, keys[2])).Times(1));
}

TEST_F(MoveTest, IterationVisitsAnEntryOnceThatIsLiveTwice) {
  TableBuffer buffer(TinyOptions());
  const std::vector<std::string> keys = KeysOfOneHome(buffer, 3);
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  const uint64_t behind = BucketOf(buffer, keys[2]);
  const uint64_t both = buffer.table().head(behind).word0.load();
  const uint64_t overflow = buffer.table().head(buffer.HomeOf(keys[0])).overflow.load();
  ASSERT_TRUE(buffer.Delete(keys[0]).ok());
  // As a writer leaves it that is killed between the two commits of the move.
  buffer.table().mutable_head(behind).word0.store(both);
  buffer.table().mutable_head(buffer.HomeOf(keys[0])).overflow.store(overflow);
  std::vector<ScannedEntry> entries;
  int seen = 0;
  for (uint64_t home = 0; home < buffer.geometry().bucket_count; ++home) {
    ASSERT_EQ(ScanHome(buffer.table(), home, &entries), Outcome::kFound);
    for (const ScannedEntry& entry : entries) seen += entry.key == keys[2];
  }
  EXPECT_EQ(seen, 1);
}

TEST_F(MoveTest, IterationEndsOverCountsThatLeadRoundTheTable) {
  GeometryOptions options;
  options.capacity = 100'000;
  options.slot_bytes = 48;
  options.max_value_bytes = 0;
  TableBuffer buffer(options);
  ASSERT_GT(buffer.geometry().bucket_count, kLongestPath);
  for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
    buffer.table().mutable_head(bucket).overflow.store(~uint64_t{0});
  }
  std::vector<ScannedEntry> entries;
  EXPECT_EQ(ScanHome(buffer.table(), 0, &entries), Outcome::kDamaged);
}

}  // namespace
}  // namespace cubby::table
