// Leases, and entries that are kept after their expiry.
#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "table/checker.h"
#include "table/expiry.h"
#include "table/layout.h"
#include "table/sweep.h"
#include "table/update.h"
#include "table/writer.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::IsEmpty;
using Outcome = Writer::Leased::Outcome;

constexpr uint64_t kOwner = uint64_t{7} << 32 | 3;
constexpr uint64_t kMs = 1'000'000;

class LeaseTest : public ::testing::Test {
 protected:
  // A lease until `bound_ns`, by `kOwner`, whose stale value is kept for an hour.
  static LeaseRequest Request(uint64_t bound_ns = 1000 * kMs) {
    LeaseRequest request;
    request.key = "k";
    request.owner = kOwner;
    request.bound_ns = bound_ns;
    request.stale_flags = StaleFlags(3600'000 * kMs);
    return request;
  }
  // A put of an entry that expires then, and is kept for `stale_ns` after that.
  static Update ExpiringAt100(absl::string_view value, uint64_t stale_ns) {
    Update update;
    update.value = value;
    update.expiry_ns = 100;
    update.flags = StaleFlags(stale_ns);
    return update;
  }
  Writer::Leased Lease(const LeaseRequest& request, uint64_t now_ns) {
    value_ = "unset";
    absl::StatusOr<Writer::Leased> leased = buffer_.Lease(request, &value_, now_ns);
    EXPECT_TRUE(leased.ok()) << leased.status();
    ExpectSound();
    return leased.value_or(Writer::Leased());
  }
  absl::StatusOr<uint64_t> Fill(uint64_t revision, absl::string_view value) {
    Update update;
    update.kind = UpdateKind::kFill;
    update.value = value;
    update.if_revision = revision;
    return buffer_.Do("k", update);
  }
  uint64_t Sweep(uint64_t now_ns) {
    table::Sweep sweep(buffer_.table(), /*everything=*/false);
    const lock::HeldWriterRole role;
    while (!sweep.done()) EXPECT_TRUE(sweep.Step(now_ns).ok());
    ExpectSound();
    return sweep.removed();
  }
  void ExpectSound() { EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty()); }

  TableBuffer buffer_{TinyOptions()};
  std::string value_;
};

TEST_F(LeaseTest, TimesOfStaleValuesAreRoundedUpByAnEighthAtMost) {
  EXPECT_EQ(StaleFlags(0), 0u);
  EXPECT_EQ(StaleNs(0), 0u);
  uint64_t before = 0;
  for (uint32_t code = 1; code <= 0xff; ++code) {
    const uint64_t stale = StaleNs(code << kStaleShift);
    ASSERT_GT(stale, before) << code;
    ASSERT_EQ(StaleFlags(stale), code << kStaleShift);
    ASSERT_EQ(StaleFlags(before + 1), code << kStaleShift);
    if (code > 1) {
      ASSERT_LE(stale - before, before / 8 + 1) << code;
    }
    before = stale;
  }
  EXPECT_GT(before, uint64_t{365} * 24 * 3600 * 1000 * kMs);
  EXPECT_EQ(StaleFlags(~uint64_t{0}), kStaleFlags) << "the longest, if none is long enough";
  EXPECT_EQ(GoneNs(0, kStaleFlags), 0u) << "never expires";
  EXPECT_EQ(GoneNs(~uint64_t{0}, kStaleFlags), ~uint64_t{0});
  EXPECT_EQ(GoneNs(5, StaleFlags(9 * kMs)), 5 + 9 * kMs);
}

TEST_F(LeaseTest, AnEntryIsReturned) {
  const uint64_t revision = buffer_.Put("k", "v").value();
  const Writer::Leased leased = Lease(Request(), 1);
  EXPECT_EQ(leased.outcome, Outcome::kValue);
  EXPECT_EQ(leased.existing.revision, revision);
  EXPECT_EQ(value_, "v");
  EXPECT_EQ(buffer_.Get("k"), "v");
}

TEST_F(LeaseTest, IsFoundByNoGet) {
  ASSERT_EQ(Lease(Request(os::BootNanos() + 3600'000 * kMs), 1).outcome, Outcome::kGranted);
  EXPECT_EQ(buffer_.Get("k"), "<not found>");
}

TEST_F(LeaseTest, IsGrantedOnceAndShowsItsOwner) {
  const Writer::Leased granted = Lease(Request(50), 1);
  EXPECT_EQ(granted.outcome, Outcome::kGranted);
  EXPECT_EQ(granted.stale_expiry_ns, 0u);
  EXPECT_EQ(buffer_.Get("k"), "<not found>");

  LeaseRequest other = Request(90);
  other.owner = kOwner + 1;
  const Writer::Leased held = Lease(other, 49);
  EXPECT_EQ(held.outcome, Outcome::kHeld);
  EXPECT_EQ(held.owner, kOwner);
  EXPECT_EQ(held.bound_ns, 50u);
  EXPECT_EQ(held.revision, granted.revision);

  EXPECT_EQ(Lease(other, 50).outcome, Outcome::kGranted) << "its bound has come";
  EXPECT_EQ(Fill(granted.revision, "late").status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(buffer_.Get("k"), "<not found>");
}

TEST_F(LeaseTest, OfADeadOwnerIsTakenOverByItsRevision) {
  const Writer::Leased granted = Lease(Request(), 1);
  LeaseRequest other = Request();
  other.void_revision = granted.revision - 1;
  EXPECT_EQ(Lease(other, 2).outcome, Outcome::kHeld);
  other.void_revision = granted.revision;
  const Writer::Leased taken = Lease(other, 2);
  EXPECT_EQ(taken.outcome, Outcome::kGranted);
  EXPECT_EQ(Lease(other, 2).outcome, Outcome::kHeld) << "of another revision by now";
  EXPECT_TRUE(Fill(taken.revision, "v").ok());
  EXPECT_EQ(buffer_.Get("k"), "v");
}

TEST_F(LeaseTest, EveryOtherWriteSeesNoEntryAndEndsIt) {
  std::string result;
  const auto update = [&](UpdateKind kind) {
    Update update;
    update.kind = kind;
    update.value = "other";
    update.initial = 1;
    update.result = &result;
    static Existing replaced;
    update.replaced = &replaced;
    return buffer_.Do("k", update);
  };
  for (const UpdateKind kind : {UpdateKind::kSet, UpdateKind::kAdd, UpdateKind::kAppend,
                                UpdateKind::kAddNumber, UpdateKind::kExchange}) {
    const Writer::Leased leased = Lease(Request(), 1);
    EXPECT_TRUE(update(kind).ok());
    EXPECT_EQ(buffer_.Get("k"), kind == UpdateKind::kAddNumber ? "1" : "other");
    EXPECT_EQ(Fill(leased.revision, "late").status().code(), absl::StatusCode::kAborted);
    ASSERT_TRUE(buffer_.Delete("k").ok());
  }
  for (const UpdateKind kind :
       {UpdateKind::kReplace, UpdateKind::kTouch, UpdateKind::kCompareAndSet}) {
    const Writer::Leased leased = Lease(Request(), 1);
    EXPECT_EQ(update(kind).status().code(), absl::StatusCode::kNotFound);
    EXPECT_TRUE(Fill(leased.revision, "v").ok()) << "nothing was written";
    ASSERT_TRUE(buffer_.Delete("k").ok());
  }
  const Writer::Leased leased = Lease(Request(), 1);
  EXPECT_EQ(buffer_.Delete("k").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Fill(leased.revision, "late").status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(buffer_.table().fixed().counters.entries.load(), 0u);
  ExpectSound();
}

TEST_F(LeaseTest, KeepsTheValueThatHasExpired) {
  // In the slot, in the slot so that it needs extents beside the record, and in extents.
  for (const size_t bytes : {1, 36, 400}) {
    SCOPED_TRACE(bytes);
    const std::string old(bytes, 'o');
    const Update update = ExpiringAt100(old, 1000 * kMs);
    ASSERT_TRUE(buffer_.Do("k", update).ok());
    EXPECT_EQ(Sweep(100), 0u) << "kept";
    const Writer::Leased leased = Lease(Request(), 200);
    EXPECT_EQ(leased.outcome, Outcome::kGranted);
    EXPECT_EQ(leased.stale_expiry_ns, 100u);
    EXPECT_EQ(value_, old);
    EXPECT_EQ(buffer_.Get("k"), "<not found>");

    EXPECT_EQ(Lease(Request(), 300).outcome, Outcome::kHeld);
    EXPECT_EQ(value_, old);

    LeaseRequest heir = Request();
    heir.void_revision = leased.revision;
    const Writer::Leased second = Lease(heir, 300);
    EXPECT_EQ(second.stale_expiry_ns, 100u);
    EXPECT_EQ(value_, old) << "from one lease to the next";

    EXPECT_TRUE(buffer_.EndLease("k", leased.revision).ok());
    EXPECT_EQ(Lease(Request(), 300).outcome, Outcome::kHeld) << "not the one of that revision";
    EXPECT_TRUE(buffer_.EndLease("k", second.revision).ok());
    ExpectSound();
    EXPECT_EQ(Lease(Request(), 300).stale_expiry_ns, 100u) << "left as it was before";
    EXPECT_EQ(value_, old);
    (void)buffer_.Delete("k");
    EXPECT_EQ(buffer_.table().fixed().extents.free_count.load(), buffer_.geometry().extent_count);
  }
}

TEST_F(LeaseTest, WithoutFreeExtentsForTheExpiredValueKeepsNone) {
  GeometryOptions options = TinyOptions();
  options.max_value_bytes = 48;
  options.extent_pool_bytes = 10 * options.extent_bytes;
  TableBuffer buffer(options);
  const Update update = ExpiringAt100("a value of thirty-two bytes here", 1000 * kMs);
  ASSERT_TRUE(buffer.Do("k", update).ok());
  int taken = 0;  // an extent each
  while (buffer.table().fixed().extents.free_count.load() != 0) {
    const std::string key(1, static_cast<char>('A' + taken++));
    ASSERT_TRUE(buffer.Put(key, std::string(48, 'v')).ok()) << taken;
  }
  ASSERT_GT(taken, 0);
  const Writer::Leased leased = buffer.Lease(Request(), &value_, 200).value();
  EXPECT_EQ(leased.outcome, Outcome::kGranted);
  EXPECT_EQ(leased.stale_expiry_ns, 0u);
  EXPECT_EQ(buffer.Lease(Request(), &value_, 200)->outcome, Outcome::kHeld);
  EXPECT_EQ(value_, "");
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(LeaseTest, EvictsNoOtherEntryForTheExpiredValue) {
  GeometryOptions options = TinyOptions();
  options.full_policy = FullPolicy::kEvict;
  options.max_value_bytes = 48;
  options.extent_pool_bytes = 10 * options.extent_bytes;
  TableBuffer buffer(options);
  const Update update = ExpiringAt100("a value of thirty-two bytes here", 1000 * kMs);
  ASSERT_TRUE(buffer.Do("k", update).ok());
  int taken = 0;
  while (buffer.table().fixed().extents.free_count.load() != 0) {
    const std::string key(1, static_cast<char>('A' + taken++));
    ASSERT_TRUE(buffer.Put(key, std::string(48, 'v')).ok()) << taken;
  }
  EXPECT_EQ(buffer.Lease(Request(), &value_, 200)->stale_expiry_ns, 0u);
  EXPECT_EQ(buffer.table().fixed().counters.evictions.load(), 0u);
  // A lease is not the first to go, though no get marks it.
  uint64_t bucket = 0;
  uint32_t way = 0;
  ASSERT_NE(buffer.SlotOf("k", &bucket, &way), nullptr);
  EXPECT_EQ(buffer.table().marks(bucket).marks.load() >> 2 * way & kMostMark, kMostMark);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(LeaseTest, OfTheLongestKeyAndValueIsRepaired) {
  // A pool with room for more than two such entries, and in which the record takes an extent more
  // than any other entry.
  GeometryOptions options = TinyOptions();
  options.extent_pool_bytes = 400'000;
  Geometry geometry = PlanGeometry(options).value();
  const auto bytes = [&geometry] {
    return RoundUp8(geometry.max_key_bytes) + geometry.max_value_bytes;
  };
  while (ChainLength(geometry, bytes()) == ChainLength(geometry, bytes() + kLeaseRecordBytes)) {
    options.max_value_bytes += 8;
    geometry = PlanGeometry(options).value();
  }
  TableBuffer buffer(geometry);
  const std::string key(geometry.max_key_bytes, 'k');
  const std::string value(geometry.max_value_bytes, 'v');
  const Update update = ExpiringAt100(value, 1000 * kMs);
  ASSERT_TRUE(buffer.Do(key, update).ok());
  const TableBuffer before(absl::string_view(buffer.memory(), geometry.total_bytes));
  LeaseRequest request = Request();
  request.key = key;
  ASSERT_EQ(buffer.Lease(request, &value_, 200)->stale_expiry_ns, 100u);

  // As a kill right after the commit leaves it: the counters and the map are those of before.
  FixedPart& fixed = buffer.table().mutable_fixed();
  fixed.extents.free_count = before.table().fixed().extents.free_count.load();
  fixed.extents.hand = before.table().fixed().extents.hand.load();
  for (uint64_t word = 0; word < MapWords(geometry) + SummaryWords(geometry); ++word) {
    buffer.table().mutable_extent_map(word) = before.table().extent_map(word).load();
  }
  fixed.intent.operation = static_cast<uint64_t>(Operation::kPut);
  ASSERT_TRUE(buffer.Put("next", "v").ok());
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST_F(LeaseTest, AStoreWithoutExtentsKeepsTheValueThatFitsTheSlot) {
  GeometryOptions options = TinyOptions();
  options.max_value_bytes = 8;
  TableBuffer buffer(options);
  ASSERT_EQ(buffer.geometry().extent_count, 0u) << "so that the case is what it says";
  for (const bool fits : {true, false}) {
    const std::string key = fits ? "k" : "twelve bytes";
    const Update update = ExpiringAt100("8 bytes!", 1000 * kMs);
    ASSERT_TRUE(buffer.Do(key, update).ok());
    LeaseRequest request = Request();
    request.key = key;
    EXPECT_EQ(buffer.Lease(request, &value_, 200)->stale_expiry_ns, fits ? 100u : 0u);
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  }
}

TEST_F(LeaseTest, SweepsRemoveStaleValuesAndLeasesWhenTheirTimeHasCome) {
  const Update update = ExpiringAt100("old", 9 * kMs);
  ASSERT_TRUE(buffer_.Do("k", update).ok());
  EXPECT_EQ(Sweep(100 + 9 * kMs - 1), 0u);
  EXPECT_EQ(buffer_.table().fixed().expiry.next_expiry.load(), 100 + 9 * kMs);
  EXPECT_EQ(Sweep(100 + 9 * kMs), 1u);

  Lease(Request(50), 1);
  EXPECT_EQ(Sweep(49), 0u);
  EXPECT_EQ(Sweep(50), 1u);

  ASSERT_TRUE(buffer_.Do("k", update).ok());
  LeaseRequest request = Request(200);
  request.stale_flags = 0;
  Lease(request, 150);
  EXPECT_EQ(Sweep(100 + 9 * kMs - 1), 0u) << "the stale value lasts longer than the lease";
  EXPECT_EQ(Sweep(100 + 9 * kMs), 1u);
}

TEST_F(LeaseTest, LifetimesThatAreKeptKeepTheTimeOfTheStaleValue) {
  Update update;
  update.value = "1";
  update.expiry_ns = os::BootNanos() + 3600'000 * kMs;
  update.flags = StaleFlags(9 * kMs);
  ASSERT_TRUE(buffer_.Do("k", update).ok());
  const auto flags = [this] { return UnpackLengths(buffer_.SlotOf("k")->lengths.load()).flags; };
  Update next;
  next.value = "2";
  next.keep_expiry = true;
  ASSERT_TRUE(buffer_.Do("k", next).ok());
  EXPECT_EQ(flags(), StaleFlags(9 * kMs));
  std::string result;
  next = Update();
  next.kind = UpdateKind::kTouch;
  next.result = &result;
  ASSERT_TRUE(buffer_.Do("k", next).ok());
  EXPECT_EQ(flags(), StaleFlags(9 * kMs));
  EXPECT_EQ(buffer_.Get("k"), "2");
  ASSERT_TRUE(buffer_.Put("k", "3").ok());
  EXPECT_EQ(flags(), 0u);
}

TEST_F(LeaseTest, AFullStoreThatRejectsGrantsNone) {
  for (uint64_t i = 0; i < buffer_.geometry().capacity; ++i) {
    ASSERT_TRUE(buffer_.Put(std::string(1, static_cast<char>('A' + i)), "v").ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(buffer_.Lease(Request(), &value_).status()));
}

}  // namespace
}  // namespace cubby::table
