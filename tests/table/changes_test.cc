// The change ring: what each commit appends, and what followers learn.
#include "table/changes.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/expiry.h"
#include "table/repair.h"
#include "table/scan.h"
#include "table/sweep.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using Outcome = ChangeFollower::Outcome;
using Told = std::pair<ChangeKind, std::string>;

class ChangesTest : public ::testing::Test {
 protected:
  explicit ChangesTest(const GeometryOptions& options = TinyOptions()) : buffer_(options) {}

  void Start() {
    const lock::HeldWriterRole role;
    SetRecording(buffer_.table(), ChangeRecording::kOn);
  }
  void Stop() {
    const lock::HeldWriterRole role;
    SetRecording(buffer_.table(), ChangeRecording::kOff);
  }
  // All that the follower has not told yet.
  static std::vector<Told> AllTold(ChangeFollower* follower) {
    std::vector<Told> told;
    ChangeFollower::Change change;
    while (follower->Next(&change) == Outcome::kChange) told.emplace_back(change.kind, change.key);
    return told;
  }
  void Sweep(bool everything, uint64_t now_ns) {
    table::Sweep sweep(buffer_.table(), everything);
    const lock::HeldWriterRole role;
    while (!sweep.done()) EXPECT_TRUE(sweep.Step(now_ns).ok());
  }
  void ExpectSound() { EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty()); }

  TableBuffer buffer_;
};

TEST_F(ChangesTest, EachKindOfChangeHasARecord) {
  Start();
  ChangeFollower follower(buffer_.table());
  const uint64_t first = buffer_.Put("a", "1").value();
  ASSERT_TRUE(buffer_.Put("a", "2").ok());
  const std::string long_key(200, 'k');
  ASSERT_TRUE(buffer_.Put(long_key, std::string(100, 'v')).ok());
  ASSERT_TRUE(buffer_.Delete("a").ok());
  ASSERT_TRUE(absl::IsNotFound(buffer_.Delete("a")));
  ASSERT_TRUE(buffer_.Put("b", "1", UpdateKind::kSet, /*expiry_ns=*/100).ok());
  Sweep(/*everything=*/false, 99);
  Sweep(/*everything=*/false, 100);
  Sweep(/*everything=*/true, 100);

  ChangeFollower::Change change;
  ASSERT_EQ(follower.Next(&change), Outcome::kChange);
  EXPECT_EQ(change.revision, first);
  EXPECT_EQ(change.key, "a");
  EXPECT_EQ(change.kind, ChangeKind::kPut);
  EXPECT_THAT(AllTold(&follower),
              ElementsAre(Pair(ChangeKind::kPut, "a"), Pair(ChangeKind::kPut, long_key),
                          Pair(ChangeKind::kDelete, "a"), Pair(ChangeKind::kPut, "b"),
                          Pair(ChangeKind::kExpire, "b"), Pair(ChangeKind::kFlush, long_key)));
  ExpectSound();
}

TEST_F(ChangesTest, LeasesAreHidden) {
  Start();
  ChangeFollower follower(buffer_.table());
  LeaseRequest request;
  request.key = "k";
  request.owner = 7;
  request.bound_ns = 1000;
  request.stale_flags = StaleFlags(3'600'000'000'000);
  std::string value;
  // A lease of a key that has no entry, which ends without a value.
  ASSERT_TRUE(buffer_.EndLease("k", buffer_.Lease(request, &value)->revision).ok());
  EXPECT_THAT(AllTold(&follower),
              ElementsAre(Pair(ChangeKind::kHidden, "k"), Pair(ChangeKind::kHidden, "k")));
  // One that takes the place of an expired entry, and leaves it.
  Update update;
  update.value = "old";
  update.expiry_ns = 100;
  update.flags = request.stale_flags;
  ASSERT_TRUE(buffer_.Do("k", update).ok());
  ASSERT_TRUE(buffer_.EndLease("k", buffer_.Lease(request, &value, 200)->revision, 300).ok());
  EXPECT_THAT(AllTold(&follower),
              ElementsAre(Pair(ChangeKind::kPut, "k"), Pair(ChangeKind::kExpire, "k"),
                          Pair(ChangeKind::kHidden, "k")));
  // One that is filled.
  update = Update();
  update.kind = UpdateKind::kFill;
  update.value = "new";
  update.if_revision = buffer_.Lease(request, &value, 400)->revision;
  ASSERT_TRUE(buffer_.Do("k", update, 500).ok());
  EXPECT_THAT(AllTold(&follower),
              ElementsAre(Pair(ChangeKind::kExpire, "k"), Pair(ChangeKind::kPut, "k")));
}

TEST_F(ChangesTest, NothingIsRecordedUnlessWanted) {
  ASSERT_TRUE(buffer_.Put("a", "1").ok());
  ChangeFollower follower(buffer_.table());
  ChangeFollower::Change change;
  EXPECT_EQ(follower.Next(&change), Outcome::kOff);
  EXPECT_EQ(buffer_.table().fixed().changes.head.load(), 0u);
  Start();
  ASSERT_TRUE(buffer_.Put("b", "1").ok());
  EXPECT_EQ(follower.Next(&change), Outcome::kOverrun) << "it may have missed changes";
  EXPECT_EQ(follower.Resume(), 1u);
  EXPECT_THAT(AllTold(&follower), ElementsAre(Pair(ChangeKind::kPut, "b")));
}

TEST_F(ChangesTest, AGapInTheRecordingIsTold) {
  Start();
  ChangeFollower follower(buffer_.table());
  Stop();
  const uint64_t missed = buffer_.Put("a", "1").value();
  Start();
  ChangeFollower::Change change;
  EXPECT_EQ(follower.Next(&change), Outcome::kOverrun);
  EXPECT_EQ(follower.Resume(), missed);
  EXPECT_EQ(follower.Next(&change), Outcome::kNone);
  // As after a start without a gap.
  Start();
  EXPECT_EQ(follower.Next(&change), Outcome::kNone);
}

// A process that is killed as it begins to record leaves the tail ahead of the head.
TEST_F(ChangesTest, AGapAfterAKilledBeginIsTold) {
  Start();
  ASSERT_TRUE(buffer_.Put("a", "1").ok());
  Stop();
  ChangesLine& line = buffer_.table().mutable_fixed().changes;
  line.tail.store(line.head.load() + 8);
  ChangeFollower follower(buffer_.table(), uint64_t{1});
  const uint64_t missed = buffer_.Put("b", "1").value();
  Start();
  ChangeFollower::Change change;
  EXPECT_EQ(follower.Next(&change), Outcome::kOverrun);
  EXPECT_EQ(follower.Resume(), missed);
  EXPECT_EQ(follower.Next(&change), Outcome::kNone);
  ExpectSound();
}

TEST_F(ChangesTest, ResumesAfterARevision) {
  Start();
  std::vector<uint64_t> revisions;
  revisions.reserve(4);
  for (int i = 0; i < 4; ++i) revisions.push_back(buffer_.Put(absl::StrCat("k", i), "v").value());
  ChangeFollower follower(buffer_.table(), revisions[1]);
  EXPECT_THAT(AllTold(&follower),
              ElementsAre(Pair(ChangeKind::kPut, "k2"), Pair(ChangeKind::kPut, "k3")));
  EXPECT_EQ(follower.revision(), revisions[3]);
  ChangeFollower later(buffer_.table(), revisions[3]);
  EXPECT_THAT(AllTold(&later), IsEmpty());
  // One that was not handed out is another store's.
  ChangeFollower::Change change;
  ChangeFollower stranger(buffer_.table(), revisions[3] + 1);
  EXPECT_EQ(stranger.Next(&change), Outcome::kOverrun);
  EXPECT_EQ(stranger.Resume(), 0u);
  EXPECT_EQ(AllTold(&stranger).size(), 4u);
}

// With keys of every length, so that records wrap at each place.
TEST_F(ChangesTest, AnOverrunTellsWhereToResume) {
  Start();
  ChangeFollower slow(buffer_.table());
  std::map<uint64_t, std::string> put;
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    const std::string key(1 + random() % 100, 'k');
    put[buffer_.Put(key, "v").value()] = key;
    if (i % 4 == 0) put[buffer_.Put(key, "w").value()] = key;
    ASSERT_TRUE(buffer_.Delete(key).ok());
    // From each revision on: all that followed it, or an overrun.
    if (i % 100 != 0) continue;
    const uint64_t since = put.rbegin()->first - random() % (put.rbegin()->first / 2 + 1);
    ChangeFollower follower(buffer_.table(), since);
    ChangeFollower::Change change;
    uint64_t from = since;
    Outcome outcome = follower.Next(&change);
    if (outcome == Outcome::kOverrun) {
      from = follower.Resume();
      EXPECT_GT(from, since);
      outcome = follower.Next(&change);
    }
    auto expected = put.upper_bound(from);
    for (; outcome == Outcome::kChange; outcome = follower.Next(&change)) {
      if (change.kind != ChangeKind::kPut) continue;
      ASSERT_NE(expected, put.end());
      EXPECT_EQ(change.revision, expected->first);
      EXPECT_EQ(change.key, expected->second);
      ++expected;
    }
    EXPECT_EQ(outcome, Outcome::kNone);
    EXPECT_EQ(expected, put.end());
  }
  ChangeFollower::Change change;
  ASSERT_EQ(slow.Next(&change), Outcome::kOverrun);
  const uint64_t resumed = slow.Resume();
  ASSERT_EQ(slow.Next(&change), Outcome::kChange);
  EXPECT_GT(change.revision, resumed);
  // The ring is used: what it holds is more than half of it.
  EXPECT_GT(
      buffer_.table().fixed().changes.head.load() - buffer_.table().fixed().changes.tail.load(),
      buffer_.geometry().changes_bytes / 2);
}

TEST_F(ChangesTest, TheCheckerReportsDamage) {
  Start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(buffer_.Put(absl::StrCat("k", i), "v").ok());
  ExpectSound();
  ChangesLine& line = buffer_.table().mutable_fixed().changes;
  const uint64_t tail = line.tail.load();
  struct Case {
    std::atomic<uint64_t>* word;
    uint64_t value;
    const char* problem;
  };
  const uint64_t record = ChangeBytes(2);
  const Case cases[] = {
      {&line.head, tail - 8, "watchers miss changes"},
      {&line.head, tail + 4, "watchers miss changes"},
      {&line.head, tail + buffer_.geometry().changes_bytes + 8, "watchers miss changes"},
      {&line.head, tail + 5 * record - 8, "is impossible"},
      {&line.lost, 1000, "not handed out yet"},
      {&line.lost, 1, "older than the one before"},
      {&buffer_.table().mutable_change_word(tail + record), 1, "older than the one before"},
      {&buffer_.table().mutable_change_word(tail + record), 1000, "not handed out yet"},
      {&buffer_.table().mutable_change_word(tail + 8), 0, "is impossible"},
      {&buffer_.table().mutable_change_word(tail + 8), 7 << 16 | 2, "is impossible"},
  };
  for (const Case& c : cases) {
    const uint64_t before = c.word->exchange(c.value);
    EXPECT_THAT(Check(buffer_.table()).problems, ElementsAre(HasSubstr(c.problem)))
        << c.value << " " << c.problem;
    c.word->store(before);
  }
  ExpectSound();
}

TEST_F(ChangesTest, ARecordThatIsBeingOverwrittenIsNotTold) {
  Start();
  // Its records lie at the same places, time after time.
  const std::string key(16, 'k');
  const uint64_t records = buffer_.geometry().changes_bytes / ChangeBytes(key.size());
  for (uint64_t i = 0; i <= records; ++i) ASSERT_TRUE(buffer_.Put(key, "v").ok());
  FixedPart& fixed = buffer_.table().mutable_fixed();
  ChangeFollower follower(buffer_.table(), fixed.changes.lost.load());
  // As a put does before its commit.
  const uint64_t revision = fixed.counters.revision.load() + 1;
  fixed.counters.revision.store(revision);
  Changes changes;
  changes.kind = ChangeKind::kPut;
  changes.key = key;
  const lock::HeldWriterRole role;
  WriteChanges(buffer_.table(), changes, revision);
  ChangeFollower::Change change;
  EXPECT_EQ(follower.Next(&change), Outcome::kOverrun);
}

class EvictingChangesTest : public ChangesTest {
 protected:
  static GeometryOptions Options() {
    GeometryOptions options = TinyOptions();
    options.full_policy = FullPolicy::kEvict;
    return options;
  }
  EvictingChangesTest() : ChangesTest(Options()) {}
};

// A follower that applies what it is told has the table's keys.
TEST_F(EvictingChangesTest, WhatIsToldIsWhatThereIs) {
  Start();
  ChangeFollower follower(buffer_.table());
  std::mt19937_64 random(2);
  std::map<std::string, uint64_t> keys;
  int evicted = 0;
  uint64_t newest = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = absl::StrCat("k", random() % 40);
    switch (random() % 8) {
      case 0:
        buffer_.Delete(key).IgnoreError();
        break;
      case 1:
        ASSERT_TRUE(buffer_.Put(key, std::string(random() % 300, 'v')).ok());
        break;
      default:
        ASSERT_TRUE(buffer_.Put(key, "v").ok());
    }
    ChangeFollower::Change change;
    while (follower.Next(&change) == Outcome::kChange) {
      EXPECT_GT(change.revision, newest);
      newest = change.revision;
      if (change.kind == ChangeKind::kPut) {
        keys[change.key] = change.revision;
      } else {
        EXPECT_EQ(keys.erase(change.key), 1u);
        evicted += change.kind == ChangeKind::kEvict ? 1 : 0;
      }
    }
    ASSERT_EQ(keys.size(), buffer_.table().fixed().counters.entries.load());
    for (const auto& [there, revision] : keys) {
      Found found;
      ASSERT_EQ(Reader(buffer_.table()).Get(there, NoSink(), &found), table::Outcome::kFound);
      ASSERT_EQ(found.revision, revision);
    }
  }
  EXPECT_EQ(buffer_.table().fixed().counters.evictions.load(), static_cast<uint64_t>(evicted));
  EXPECT_GT(evicted, 1000);
  ExpectSound();
}

TEST_F(ChangesTest, ATailAheadOfTheHeadIsHealed) {
  for (const uint64_t ahead : {uint64_t{8}, uint64_t{1} << 40, ~uint64_t{7}}) {
    Start();
    ChangeFollower follower(buffer_.table());
    ASSERT_TRUE(buffer_.Put("a", "1").ok());
    ChangesLine& line = buffer_.table().mutable_fixed().changes;
    line.tail.store(ahead == ~uint64_t{7} ? ahead : line.head.load() + ahead);
    ChangeFollower::Change change;
    int looks = 0;
    Outcome outcome;
    while ((outcome = follower.Next(&change)) != Outcome::kNone) {
      ASSERT_LT(++looks, 4) << "no overrun without progress";
      if (outcome == Outcome::kOverrun) follower.Resume();
    }
    ASSERT_TRUE(buffer_.Put("b", "1").ok());
    // The last one looks like a tail that is behind the head.
    if (ahead != ~uint64_t{7}) ExpectSound();
    ASSERT_TRUE(buffer_.Put("c", "1").ok());
    std::vector<Told> told = AllTold(&follower);
    while (told.empty() && ++looks < 6) {
      follower.Resume();
      told = AllTold(&follower);
    }
    EXPECT_THAT(told, ::testing::Contains(Pair(ChangeKind::kPut, "c")));
    Stop();
  }
}

TEST_F(ChangesTest, ARevisionThatWasNotHandedOutIsNotTold) {
  Start();
  ChangeFollower follower(buffer_.table());
  ChangesLine& line = buffer_.table().mutable_fixed().changes;
  const uint64_t at = line.head.load();
  ASSERT_TRUE(buffer_.Put("a", "1").ok());
  buffer_.table().mutable_change_word(at).store(~uint64_t{0});
  ChangeFollower::Change change;
  EXPECT_EQ(follower.Next(&change), Outcome::kOverrun);
  EXPECT_LE(follower.Resume(), 1u);
  ASSERT_TRUE(buffer_.Put("b", "1").ok());
  EXPECT_THAT(AllTold(&follower), ElementsAre(Pair(ChangeKind::kPut, "b")));
  // The same of what is lost.
  line.lost.store(~uint64_t{0});
  ChangeFollower late(buffer_.table(), uint64_t{1});
  EXPECT_EQ(late.Next(&change), Outcome::kOverrun);
  EXPECT_LE(late.Resume(), 2u);
  ASSERT_TRUE(buffer_.Put("c", "1").ok());
  EXPECT_EQ(late.Next(&change), Outcome::kOverrun) << "the damaged record of before";
  late.Resume();
  ASSERT_TRUE(buffer_.Put("d", "1").ok());
  EXPECT_THAT(AllTold(&late), ElementsAre(Pair(ChangeKind::kPut, "d")));
}

// Whatever the ring holds, a follower and a writer end, and stay inside it.
TEST_F(ChangesTest, SurvivesHostileBytes) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 3000; ++round) {
    Start();
    ChangeFollower follower(buffer_.table());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(buffer_.Put(absl::StrCat("k", i % 5), "v").ok());
    }
    ChangesLine& line = buffer_.table().mutable_fixed().changes;
    const auto wild = [&random] { return random() >> random() % 64; };
    if (round % 3 != 0) line.head.store(wild());
    if (round % 3 != 1) line.tail.store(wild());
    if (round % 2 != 0) line.lost.store(wild());
    for (uint64_t at = 0; at < buffer_.geometry().changes_bytes; at += 8) {
      if (random() % 4 == 0) buffer_.table().mutable_change_word(at).store(wild());
    }
    ChangeFollower::Change change;
    uint64_t told = 0;
    for (int overruns = 0; overruns < 3;) {
      const Outcome outcome = follower.Next(&change);
      if (outcome == Outcome::kNone) break;
      if (outcome == Outcome::kOverrun) {
        ++overruns;
        follower.Resume();
      }
      if (++told > buffer_.geometry().changes_bytes) break;
    }
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(buffer_.Put(absl::StrCat("k", i % 5), "v").ok());
    }
    // One that begins now learns all.
    ChangeFollower fresh(buffer_.table());
    ASSERT_TRUE(buffer_.Delete("k1").ok());
    ASSERT_THAT(AllTold(&fresh), ElementsAre(Pair(ChangeKind::kDelete, "k1")));
    Stop();
  }
}

}  // namespace
}  // namespace cubby::table
