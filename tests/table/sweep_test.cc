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
      if (buffer_.HomeOf(key) < kBucketsPerStep / 2) {
        return key;
      }
    }
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
  Step(sweep_);
  ASSERT_FALSE(sweep_.done());
  PutExpiring(KeyBehindThePass(), kNow + 1);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
}

// The total of puts comes last: a writer killed before it has put an entry all the same.
TEST_F(SweepTest, AnEntryOfAKilledWriterBehindThePassIsNotForgotten) {
  Step(sweep_);
  const uint64_t puts = buffer_.table().fixed().counters.puts.load();
  PutExpiring(KeyBehindThePass(), kNow + 1);
  buffer_.table().mutable_fixed().counters.puts.store(puts);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
}

TEST_F(SweepTest, AStoreThatIsWrittenAllTheTimeIsNotSweptForEver) {
  PutExpiring("gone", kNow);
  Step(sweep_);
  ASSERT_TRUE(buffer_.Put(KeyBehindThePass(), "never expires").ok());
  PutExpiring("later", kNow + 100);
  Finish(sweep_);
  EXPECT_FALSE(MayHaveExpired(buffer_.table(), kNow + 99));
}

TEST_F(SweepTest, AnOvertakenPassLeavesTheBoundToTheNewerOne) {
  Step(sweep_);
  PutExpiring(KeyBehindThePass(), kNow + 1);
  Sweep newer(buffer_.table(), /*everything=*/false);
  Step(newer);
  Finish(sweep_);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  Finish(newer);
  EXPECT_TRUE(MayHaveExpired(buffer_.table(), kNow + 1));
  EXPECT_FALSE(MayHaveExpired(buffer_.table(), kNow));
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
