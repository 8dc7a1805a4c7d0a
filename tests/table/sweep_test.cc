#include "table/sweep.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kNow = 1000;

// A table that a pass takes more than one step for.
class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : buffer_(Options()), sweep_(buffer_.table(), /*everything=*/false) {}

  static GeometryOptions Options() {
    GeometryOptions options = TinyOptions();
    options.capacity = 300;
    return options;
  }

  // A key whose home the pass has visited after its first step.
  std::string KeyBehindThePass() const {
    for (int i = 0;; ++i) {
      std::string key = absl::StrCat("key", i);
      if (buffer_.HomeOf(key) < kBucketsPerExpiry / 2) {
        return key;
      }
    }
  }
  // Does the first of several steps: expired entries lie in the first group of buckets and in the
  // last.
  void BeginPass() {
    bool first = false;
    bool last = false;
    for (int i = 0; !first || !last; ++i) {
      const std::string key = absl::StrCat("old", i);
      const uint64_t group = buffer_.HomeOf(key) / kBucketsPerExpiry;
      bool* const put = group == 0                                      ? &first
                        : group + 1 == ExpiryGroups(buffer_.geometry()) ? &last
                                                                        : nullptr;
      if (put == nullptr || *put) continue;
      PutExpiring(key, kNow);
      *put = true;
    }
    Step(sweep_);
    ASSERT_FALSE(sweep_.done());
  }

  void PutExpiring(const std::string& key, uint64_t expiry_ns) {
    ASSERT_TRUE(buffer_.Put(key, "v", UpdateKind::kSet, expiry_ns, kNow).ok());
  }
  void Step(Sweep& sweep) {
    const lock::HeldWriterRole role;
    ASSERT_TRUE(sweep.Step(kNow).ok());
  }
  void Finish(Sweep& sweep) {
    while (!sweep.done()) Step(sweep);
  }

  TableBuffer buffer_;
  Sweep sweep_;
};

TEST_F(SweepTest, RemovesWhatHasExpiredAndKnowsWhenTheNextDoes) {
  PutExpiring("gone", kNow);
  PutExpiring("later", kNow + 1);
  PutExpiring("much later", kNow + 2);
  Finish(sweep_);
  EXPECT_EQ(sweep_.removed(), 1u);
  EXPECT_FALSE(MayHaveExpired(buffer_.table(), kNow));
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
}

TEST_F(SweepTest, AnEntryPutBehindThePassIsNotForgotten) {
  BeginPass();
  PutExpiring(KeyBehindThePass(), kNow + 1);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
}

// The total of puts comes last: a writer killed before it has put an entry all the same.
TEST_F(SweepTest, AnEntryOfAKilledWriterBehindThePassIsNotForgotten) {
  BeginPass();
  const uint64_t puts = buffer_.table().fixed().counters.puts.load();
  PutExpiring(KeyBehindThePass(), kNow + 1);
  buffer_.table().mutable_fixed().counters.puts.store(puts);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
}

TEST_F(SweepTest, AStoreThatIsWrittenAllTheTimeIsNotSweptForEver) {
  BeginPass();
  ASSERT_TRUE(buffer_.Put(KeyBehindThePass(), "never expires").ok());
  PutExpiring("later", kNow + 100);
  Finish(sweep_);
  EXPECT_FALSE(MayHaveExpired(buffer_.table(), kNow + 99));
}

TEST_F(SweepTest, AnOvertakenPassLeavesTheBoundToTheNewerOne) {
  BeginPass();
  PutExpiring(KeyBehindThePass(), kNow + 1);
  Sweep newer(buffer_.table(), /*everything=*/false);
  Step(newer);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  Finish(newer);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  EXPECT_FALSE(MayHaveExpired(buffer_.table(), kNow));
}

TEST_F(SweepTest, VisitsOnlyGroupsInWhichSomethingHasExpired) {
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(buffer_.Put(absl::StrCat("never", i), "v").ok());
  const std::string key = KeyBehindThePass();
  PutExpiring(key, kNow + 5);
  PutExpiring("later", kNow + 100);
  uint64_t bucket = 0;
  uint64_t bucket_later = 0;
  ASSERT_NE(buffer_.SlotOf(key, &bucket), nullptr);
  ASSERT_NE(buffer_.SlotOf("later", &bucket_later), nullptr);
  Finish(sweep_);  // a step at most
  EXPECT_EQ(sweep_.removed(), 0u);
  Sweep sweep(buffer_.table(), /*everything=*/false);
  const lock::HeldWriterRole role;
  int steps = 0;
  for (; !sweep.done(); ++steps) ASSERT_TRUE(sweep.Step(kNow + 5).ok());
  EXPECT_EQ(sweep.removed(), 1u);
  EXPECT_LE(steps, 2) << "the group that it is in, and the others";
  const auto noted = [this](uint64_t in_bucket) {
    return buffer_.table().group_expiry(in_bucket / kBucketsPerExpiry).next_expiry.load();
  };
  EXPECT_EQ(noted(bucket_later), kNow + 100);
  if (bucket / kBucketsPerExpiry != bucket_later / kBucketsPerExpiry) {
    EXPECT_EQ(noted(bucket), 0u);
  }
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
}

TEST_F(SweepTest, AStepEndsAfterSoManyEntries) {
  for (int i = 0; i < 300; ++i) PutExpiring(absl::StrCat("k", i), kNow);
  uint64_t before = 0;
  for (; !sweep_.done(); before = sweep_.removed()) {
    Step(sweep_);
    // A bucket's are removed together, with those that would move there.
    EXPECT_LE(sweep_.removed() - before,
              kRemovedPerStep + uint64_t{buffer_.geometry().ways} * (1 + kMovesPerHole));
  }
  EXPECT_EQ(sweep_.removed(), 300u);
  for (uint64_t group = 0; group < ExpiryGroups(buffer_.geometry()); ++group) {
    EXPECT_EQ(buffer_.table().group_expiry(group).next_expiry.load(), 0u);
  }
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
}

TEST_F(SweepTest, AStoreOfAnEarlierVersionIsSweptWhole) {
  Geometry geometry = buffer_.geometry();
  geometry.has_expiries = false;
  TableBuffer buffer(geometry);
  ASSERT_TRUE(buffer.Put("gone", "v", UpdateKind::kSet, kNow, kNow).ok());
  ASSERT_TRUE(buffer.Put("later", "v", UpdateKind::kSet, kNow + 1, kNow).ok());
  Sweep sweep(buffer.table(), /*everything=*/false);
  Finish(sweep);
  EXPECT_EQ(sweep.removed(), 1u);
  EXPECT_TRUE(MayHaveExpired(buffer.table(), kNow + 1));
  EXPECT_FALSE(MayHaveExpired(buffer.table(), kNow));
}

TEST_F(SweepTest, TheCheckerSeesAnEntryThatNoSweepFinds) {
  PutExpiring("k", kNow + 1);
  for (uint64_t group = 0; group < ExpiryGroups(buffer_.geometry()); ++group) {
    buffer_.table().mutable_group_expiry(group).next_expiry.store(0);
  }
  EXPECT_FALSE(Check(buffer_.table()).sound());
}

TEST_F(SweepTest, ADamagedEntryKeepsNoOtherFromGoing) {
  PutExpiring("a", kNow);
  uint64_t bucket = 0;
  buffer_.SlotOf("a", &bucket);
  buffer_.SpoilKey("a");
  // A second one in the same bucket, in a way behind it.
  for (int i = 0;; ++i) {
    const std::string key = absl::StrCat("b", i);
    if (buffer_.HomeOf(key) != bucket) continue;
    PutExpiring(key, kNow);
    break;
  }
  absl::Status damage;
  const lock::HeldWriterRole role;
  while (!sweep_.done()) damage.Update(sweep_.Step(kNow));
  EXPECT_EQ(damage.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(sweep_.removed(), 1u);
}

}  // namespace
}  // namespace cubby::table
