// Long use of a full table: random deletes, overwrites, expiries and new keys, compared with a list
// of what must be there. Then look-ups must visit as few buckets as in a fresh table of the same
// entries: cost must not depend on history.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/match.h"
#include "table/sweep.h"
#include "tests/support/checked_value.h"
#include "tests/support/torture.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::IsEmpty;

constexpr uint32_t kEntries = 100'000;
constexpr size_t kMaxValue = 1200;  // of one entry in 16, in extents; the others' is in the slot
constexpr double kMostWear = 1.2;

// An entry: the number of its key, and of its value.
struct Entry {
  uint64_t key = 0;
  uint64_t value = 0;

  // One in 32 is longer than a slot.
  std::string Key() const {
    std::string text = test::KeyOf(key);
    if (key % 32 == 1) text.append(100 + key % 200, 'k');
    return text;
  }
  std::string Value() const {
    return test::CheckedValue(Key(), value, key % 16 == 0 ? kMaxValue : 28);
  }
};

// How many buckets look-ups visit, on average.
struct Cost {
  double hit = 0;
  double miss = 0;
};

Cost CostOf(const TableBuffer& buffer) {
  const WritableTable& table = buffer.table();
  const uint64_t buckets = buffer.geometry().bucket_count;
  uint64_t entries = 0, behind = 0, passed = 0;
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) {
    const uint32_t live = LiveWays(table.head(bucket).word0.load());
    entries += __builtin_popcount(live);
    const uint64_t distances = table.distances(bucket).distances.load();
    for (uint32_t way = 0; way < buffer.geometry().ways; ++way) {
      if ((live >> way & 1) != 0) behind += distances >> 4 * way & kMostDistance;
    }
    for (uint32_t c = 0; c < kOverflowClasses; ++c) {
      uint64_t next = bucket;
      while (OverflowCount(table.head(next), c) != 0) {
        ++passed;
        next = (next + 1) % buckets;
      }
    }
  }
  const auto each = [](uint64_t sum, uint64_t count) {
    return 1 + static_cast<double>(sum) / static_cast<double>(count);
  };
  return {each(behind, entries), each(passed, buckets * kOverflowClasses)};
}

class WearTest : public ::testing::Test {
 protected:
  WearTest() : buffer_(PlannedGeometry()), entries_(kEntries) {
    for (Entry& entry : entries_) entry = {next_++, 0};
  }

  static Geometry PlannedGeometry() {
    GeometryOptions options;
    options.capacity = kEntries;
    options.slot_bytes = 96;
    options.max_value_bytes = kMaxValue;
    options.extent_pool_bytes = 16 << 20;
    Geometry geometry = PlanGeometry(options).value();
    geometry.hash_seed = 1;  // the same at each run
    return geometry;
  }

  void Put(const Entry& entry, uint64_t expiry_ns = 0) {
    const absl::Status status =
        buffer_.Put(entry.Key(), entry.Value(), UpdateKind::kSet, expiry_ns, now_).status();
    ASSERT_TRUE(status.ok()) << status << " entry " << entry.key;
  }
  void Replace(Entry& entry) {
    entry = {next_++, random_()};
    Put(entry);
  }
  void SweepOut() {
    const lock::HeldWriterRole role;
    Sweep sweep(buffer_.table(), /*everything=*/false);
    while (!sweep.done()) ASSERT_TRUE(sweep.Step(now_).ok());
    ASSERT_EQ(sweep.removed(), 1u);
  }
  // One change of a random entry.
  void Step() {
    Entry& entry = entries_[random_() % kEntries];
    const uint64_t choice = random_() % 1024;
    if (choice == 0) {
      Put(entry, now_ + 1);
      ++now_;
      SweepOut();
      Replace(entry);
    } else if (choice < 512) {
      entry.value = random_();
      Put(entry);
    } else {
      const std::string key = entry.Key();
      ASSERT_TRUE(buffer_.Delete(key, now_).ok()) << key;
      ASSERT_EQ(buffer_.Get(key), "<not found>") << key;
      Replace(entry);
    }
  }
  void ExpectEntries(const TableBuffer& buffer) const {
    for (const Entry& entry : entries_) ASSERT_EQ(buffer.Get(entry.Key()), entry.Value());
    const CheckResult result = Check(buffer.table());
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.entries, kEntries);
  }

  TableBuffer buffer_;
  std::vector<Entry> entries_;
  std::mt19937_64 random_{1};
  uint64_t next_ = 0;
  uint64_t now_ = 1;
};

TEST_F(WearTest, LongUseLosesNothingAndCostsNothing) {
  const uint64_t steps = test::Amount(500'000, 50'000'000);
  for (const Entry& entry : entries_) ASSERT_NO_FATAL_FAILURE(Put(entry));
  for (uint64_t step = 0; step < steps; ++step) ASSERT_NO_FATAL_FAILURE(Step()) << step;
  ASSERT_NO_FATAL_FAILURE(ExpectEntries(buffer_));

  const Cost worn = CostOf(buffer_);
  TableBuffer fresh(PlannedGeometry());
  for (const Entry& entry : entries_) ASSERT_TRUE(fresh.Put(entry.Key(), entry.Value()).ok());
  ExpectEntries(fresh);
  const Cost unworn = CostOf(fresh);
  EXPECT_LT(worn.hit, unworn.hit * kMostWear);
  EXPECT_LT(worn.miss, unworn.miss * kMostWear);
  test::Report(
      "wear",
      {{"steps", absl::StrCat(steps)},
       {"entries", absl::StrCat(kEntries)},
       {"wrong", HasFailure() ? "some" : "0"},
       {"buckets of a hit", absl::StrFormat("%.3f (fresh %.3f)", worn.hit, unworn.hit)},
       {"buckets of a miss", absl::StrFormat("%.3f (fresh %.3f)", worn.miss, unworn.miss)}});
}

}  // namespace
}  // namespace cubby::table
