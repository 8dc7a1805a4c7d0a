#include "table/checker.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/extents.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// word0 has the low 48 bits of a revision.
constexpr uint64_t kWrap = uint64_t{1} << 48;
constexpr uint64_t kHalf = kWrap >> 1;

// Two inline entries and one in extents.
class CheckerTest : public ::testing::Test {
 protected:
  CheckerTest() : buffer_(TinyOptions()) {
    EXPECT_TRUE(buffer_.Put("a", "1").ok());
    EXPECT_TRUE(buffer_.Put("b", "2").ok());
    EXPECT_TRUE(buffer_.Put("long", std::string(200, 'x')).ok());
  }
  void ExpectProblem(const char* text) {
    EXPECT_THAT(Check(buffer_.table()).problems, Contains(HasSubstr(text)));
  }
  // A table whose bucket `home` has overflowed: with three ways two entries fill a bucket, and this
  // has three of that home.
  static void Overflow(uint64_t home, TableBuffer* buffer) {
    int put = 0;
    for (int i = 0; put < 3; ++i) {
      const std::string key = absl::StrCat("c", i);
      if (buffer->HomeOf(key) != home) continue;
      ASSERT_TRUE(buffer->Put(key, "v").ok());
      ++put;
    }
  }
  // Makes a dead way of `bucket` live with a copy of an entry.
  static void Copy(const SlotHead& entry, uint8_t tag, uint64_t bucket, uint32_t way,
                   TableBuffer* buffer) {
    const WritableTable& table = buffer->table();
    std::memcpy(static_cast<void*>(&table.mutable_slot(bucket, way)), &entry,
                buffer->geometry().slot_bytes);
    table.mutable_head(bucket).tags[way].store(tag);
    table.mutable_hints(bucket).tags[way].store(tag);
    table.mutable_head(bucket).word0.fetch_or(1u << way);
  }
  uint64_t free_extents() { return buffer_.table().fixed().extents.free_count.load(); }
  TableBuffer buffer_;
};

TEST_F(CheckerTest, SoundTableHasNoProblems) {
  const CheckResult result = Check(buffer_.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.entries, 3u);
  EXPECT_EQ(result.extents_in_use, 5u);
}

TEST_F(CheckerTest, FindsAWrongDistanceFromTheHome) {
  uint64_t bucket;
  uint32_t way;
  ASSERT_NE(buffer_.SlotOf("a", &bucket, &way), nullptr);
  buffer_.table().mutable_distances(bucket).distances.fetch_xor(uint64_t{1} << 4 * way);
  ExpectProblem("wrong distance from its home");
}

TEST_F(CheckerTest, FindsALiveSlotMarkedAsBeingWritten) {
  buffer_.SlotOf("a")->sequence.fetch_or(1);
  ExpectProblem("marked as being written");
  EXPECT_EQ(buffer_.Get("a"), "<damaged>");
}

TEST_F(CheckerTest, FindsAnEntryNewerThanItsBucketsLastCommit) {
  for (const uint64_t newer : {uint64_t{1}, kHalf - 1, kHalf, kHalf + 1, kWrap - 1}) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("a", "1").ok());
    buffer.table().mutable_fixed().counters.revision.store(1 + newer);
    buffer.SlotOf("a")->sequence.store(2 * (1 + newer));
    const std::vector<std::string> problems = Check(buffer.table()).problems;
    EXPECT_THAT(problems, Contains(HasSubstr("newer than its bucket's last commit"))) << newer;
  }
}

TEST_F(CheckerTest, AnEntryMayBeOlderThanItsBucketsLastCommitByAnyNumber) {
  for (const uint64_t older : {kHalf - 1, kHalf, kHalf + 1, kWrap - 1, kWrap, kWrap + kHalf}) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("a", "1").ok());
    uint64_t bucket = 0;
    ASSERT_NE(buffer.SlotOf("a", &bucket), nullptr);
    std::atomic<uint64_t>& word0 = buffer.table().mutable_head(bucket).word0;
    word0.store(MakeWord0(1 + older, LiveWays(word0.load())));
    buffer.table().mutable_fixed().counters.revision.store(1 + older);
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty()) << older;
    EXPECT_EQ(buffer.Get("a"), "1") << older;
  }
}

TEST_F(CheckerTest, TableStaysSoundWhileRevisionsWrap) {
  for (const uint64_t wrap : {kHalf, kWrap, kWrap + kHalf, 2 * kWrap}) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("old", "1").ok());
    buffer.table().mutable_fixed().counters.revision.store(wrap - 10);
    for (int i = 0; i < 20; ++i) {
      const std::string value = absl::StrCat(i);
      ASSERT_TRUE(buffer.Put("a", value).ok());
      ASSERT_TRUE(buffer.Put("b", value).ok());
      EXPECT_EQ(buffer.Get("a"), value);
      EXPECT_EQ(buffer.Get("b"), value);
      ASSERT_TRUE(buffer.Delete("b").ok());
      EXPECT_EQ(buffer.Get("b"), "<not found>");
      EXPECT_EQ(buffer.Get("old"), "1");
      EXPECT_THAT(Check(buffer.table()).problems, IsEmpty()) << wrap << ", step " << i;
    }
  }
}

TEST_F(CheckerTest, FindsALongKeyThatIsNotThatOfItsHash) {
  const std::string key(100, 'k');
  ASSERT_TRUE(buffer_.Put(key, "v").ok());
  EXPECT_THAT(Check(buffer_.table()).problems, IsEmpty());
  SlotHead* slot = buffer_.SlotOf(key);
  WordAt(SlotBytes(*slot)).fetch_add(uint64_t{1} << 40);
  ExpectProblem("its hash is not that of its key");
  EXPECT_EQ(buffer_.Get(key), "<not found>");
  WordAt(SlotBytes(*slot)).fetch_sub(uint64_t{1} << 40);
  const uint32_t first = ChainOf(buffer_.table(), *slot)->first;
  ExtentBytes(buffer_.table().mutable_extent(first))[0] = 'x';
  ExpectProblem("its hash is not that of its key");
}

TEST_F(CheckerTest, FindsALongKeyInExtentsOfAnotherEntry) {
  const std::string key(100, 'k');
  ASSERT_TRUE(buffer_.Put(key, "v").ok());
  const uint32_t first = ChainOf(buffer_.table(), *buffer_.SlotOf(key))->first;
  buffer_.table().mutable_extent(first).sequence.fetch_add(2);
  ExpectProblem("the extents of its key hold another entry");
  ExpectProblem("an extent of it holds another value");
}

TEST_F(CheckerTest, FindsALongKeyThatIsLiveTwice) {
  const std::string key(100, 'k');
  ASSERT_TRUE(buffer_.Put(key, "v").ok());
  uint64_t bucket = 0;
  uint32_t way = 0;
  const SlotHead* slot = buffer_.SlotOf(key, &bucket, &way);
  const uint32_t live = LiveWays(buffer_.table().head(bucket).word0.load());
  const auto dead = static_cast<uint32_t>(__builtin_ctz(~live));
  Copy(*slot, TagOf(buffer_.Hash(key)), bucket, dead, &buffer_);
  ExpectProblem("the same key is live");
}

TEST_F(CheckerTest, FindsImpossibleLengths) {
  buffer_.SlotOf("a")->lengths.store(~0ull);
  ExpectProblem("impossible lengths");
}

TEST_F(CheckerTest, FindsAChangedKey) {
  buffer_.SpoilKey("a");
  ExpectProblem("wrong tag");
}

TEST_F(CheckerTest, FindsBytesBehindAKeyThatHideIt) {
  SlotBytes(*buffer_.SlotOf("a"))[1] = 1;
  EXPECT_EQ(buffer_.Get("a"), "<not found>");
  ExpectProblem("the bytes behind its key are not zero");
}

TEST_F(CheckerTest, FindsAWrongHint) {
  uint64_t bucket = 0;
  uint32_t way = 0;
  buffer_.SlotOf("a", &bucket, &way);
  buffer_.table().mutable_hints(bucket).tags[way].fetch_xor(1);
  ExpectProblem("wrong hint");
}

TEST_F(CheckerTest, FindsADuplicate) {
  uint64_t bucket = 0;
  const SlotHead* slot = buffer_.SlotOf("a", &bucket);
  const uint32_t live = LiveWays(buffer_.table().head(bucket).word0.load());
  Copy(*slot, TagOf(buffer_.Hash("a")), bucket, static_cast<uint32_t>(__builtin_ctz(~live)),
       &buffer_);
  ExpectProblem("the same key is live");
  ExpectProblem("the entry count says 3, there are 4");
}

TEST_F(CheckerTest, FindsADuplicateInAnotherBucket) {
  uint64_t home = 0;
  const SlotHead* slot = buffer_.SlotOf("a", &home);
  const uint64_t elsewhere = buffer_.table().NextBucket(home);
  const uint32_t live = LiveWays(buffer_.table().head(elsewhere).word0.load());
  Copy(*slot, TagOf(buffer_.Hash("a")), elsewhere, static_cast<uint32_t>(__builtin_ctz(~live)),
       &buffer_);
  ExpectProblem("the same key is live");
}

// As hostile bytes may have it. Comparing each with each would take hours in a large table.
TEST_F(CheckerTest, CopiesOfOneKeyAreReportedOnceEach) {
  GeometryOptions options = TinyOptions();
  options.capacity = 1000;
  TableBuffer buffer(options);
  ASSERT_TRUE(buffer.Put("a", "1").ok());
  std::string entry(buffer.geometry().slot_bytes, '\0');
  std::memcpy(entry.data(), buffer.SlotOf("a"), entry.size());
  const auto& slot = *reinterpret_cast<const SlotHead*>(entry.data());
  const uint64_t buckets = buffer.geometry().bucket_count;
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) {
    buffer.table().mutable_head(bucket).word0.store(MakeWord0(slot.sequence.load() >> 1, 0));
    for (uint32_t way : {0u, 1u}) Copy(slot, TagOf(buffer.Hash("a")), bucket, way, &buffer);
  }
  const CheckResult result = Check(buffer.table());
  const uint64_t problems = result.problems.size() + result.more_problems;
  // All but one are a duplicate, and nearly all have a wrong distance; then most buckets miss an
  // overflow count, and the counters are wrong.
  EXPECT_EQ(result.entries, 2 * buckets);
  EXPECT_GE(problems, 2 * buckets - 1);
  EXPECT_LE(problems, 5 * buckets + 5);
}

TEST_F(CheckerTest, FindsABucketWithoutADeadWay) {
  buffer_.table().mutable_head(0).word0.fetch_or(7);
  ExpectProblem("bucket 0 has no dead way");
}

TEST_F(CheckerTest, FindsWrongCounters) {
  buffer_.table().mutable_fixed().counters.entries.fetch_add(1);
  buffer_.table().mutable_fixed().counters.expiring.fetch_add(1);
  ExpectProblem("the entry count says 4, there are 3");
  ExpectProblem("the expiring entry count says 1, there are 0");
}

TEST_F(CheckerTest, FindsALostExtent) {
  buffer_.table().mutable_extent_map(0).fetch_or(uint64_t{1} << 20);
  ExpectProblem("1 extent is neither free nor in use");
  ExpectProblem(absl::StrCat(free_extents() - 1, " extents are free, their count says ").c_str());
}

TEST_F(CheckerTest, FindsAnExtentInUseAndFree) {
  const uint32_t first = ChainOf(buffer_.table(), *buffer_.SlotOf("long"))->first;
  buffer_.table().mutable_extent_map(0).fetch_and(~(uint64_t{1} << first));
  ExpectProblem(absl::StrCat("extent ", first, " is free and in use").c_str());
}

TEST_F(CheckerTest, FindsAWrongRun) {
  const Chain chain = *ChainOf(buffer_.table(), *buffer_.SlotOf("long"));
  buffer_.table().mutable_extent(chain.first).run.fetch_add(1);
  ExpectProblem("wrong about those that follow it");
}

TEST_F(CheckerTest, FindsAWrongSummaryOfTheExtentMap) {
  buffer_.table().mutable_extent_map(MapWords(buffer_.geometry())).fetch_xor(1);
  ExpectProblem("the summary of the extent map is wrong for the extents 0 to ");
}

TEST_F(CheckerTest, FindsAWrongCountOfFreeExtents) {
  buffer_.table().mutable_fixed().extents.free_count.fetch_add(1);
  ExpectProblem(absl::StrCat(free_extents() - 1, " extents are free, their count says ").c_str());
}

TEST_F(CheckerTest, FindsAHandBeyondTheExtents) {
  buffer_.table().mutable_fixed().extents.hand.store(buffer_.geometry().extent_count);
  ExpectProblem("the search for free extents would begin at ");
}

TEST_F(CheckerTest, FindsAChainThatLeadsNowhere) {
  const SlotHead* slot = buffer_.SlotOf("long");
  const uint32_t first = ChainOf(buffer_.table(), *slot)->first;
  buffer_.table().mutable_extent(first).next.store(12345);
  ExpectProblem("leads nowhere");
  EXPECT_EQ(buffer_.Get("long"), "<damaged>");
}

TEST_F(CheckerTest, FindsAnUnfindableEntry) {
  const uint64_t last = TableBuffer(TinyOptions()).geometry().bucket_count - 1;
  for (uint64_t home : {uint64_t{1}, last}) {  // the last one's overflow goes to the first
    TableBuffer buffer(TinyOptions());
    ASSERT_NO_FATAL_FAILURE(Overflow(home, &buffer));
    const CheckResult sound = Check(buffer.table());
    ASSERT_THAT(sound.problems, IsEmpty());
    EXPECT_EQ(sound.loose_overflow_counts, 0u);
    buffer.table().mutable_head(home).overflow.store(0);
    EXPECT_THAT(Check(buffer.table()).problems, Contains(HasSubstr("cannot be found")));
  }
}

TEST_F(CheckerTest, WorksInStepsAndMayBeDroppedAfterAny) {
  GeometryOptions options = TinyOptions();
  options.capacity = 5000;
  TableBuffer buffer(options);
  int steps = 0;
  for (Checker checker(buffer.table()); !checker.done(); checker.Step()) ++steps;
  EXPECT_GE(steps, 3);
  for (int dropped_after = 0; dropped_after < steps; ++dropped_after) {
    Checker checker(buffer.table());
    for (int i = 0; i < dropped_after; ++i) checker.Step();
    EXPECT_FALSE(checker.done());
  }
}

TEST_F(CheckerTest, CountsOverflowCountsThatAreTooHighWithoutComplaint) {
  buffer_.table().mutable_head(0).overflow.fetch_add(0x1000);
  const CheckResult result = Check(buffer_.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.loose_overflow_counts, 1u);
}

// Every word of the fixed part but the header's own, with every value likely to lead astray.
TEST_F(CheckerTest, SurvivesHostileWordsInTheFixedPart) {
  for (size_t at = sizeof(Header); at < offsetof(FixedPart, incarnations); at += 4) {
    for (uint32_t bad : {0u, 1u, 7u, 0x7fffffffu, 0xfffffffeu, 0xffffffffu}) {
      TableBuffer buffer(TinyOptions());
      for (int i = 0; i < 5; ++i)
        (void)buffer.Put(absl::StrCat(i), std::string(size_t{20} * i, 'v'));
      std::memcpy(buffer.memory() + at, &bad, sizeof(bad));
      Check(buffer.table());
      for (int i = 0; i < 8; ++i) {
        (void)buffer.Put(absl::StrCat(i), std::string(100 - i * 10, 'w'));
        buffer.Get(absl::StrCat(i));
        (void)buffer.Delete(absl::StrCat(i + 1));
      }
    }
  }
}

TEST_F(CheckerTest, SurvivesRandomBytes) {
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  uint64_t state = seed;
  for (int round = 0; round < 2000; ++round) {
    TableBuffer buffer(TinyOptions());
    for (int i = 0; i < 10; ++i)
      (void)buffer.Put(absl::StrCat(i), std::string(size_t{20} * i, 'v'));
    for (int flips = 0; flips < 20; ++flips) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const uint64_t at =
          sizeof(Header) + (state >> 16) % (buffer.geometry().total_bytes - sizeof(Header));
      buffer.memory()[at] ^= static_cast<char>(state >> 56);
    }
    Check(buffer.table());
    for (int i = 0; i < 10; ++i) {
      buffer.Get(absl::StrCat(i));
      (void)buffer.Put(absl::StrCat(i), std::string(size_t{30} * i, 'w'));
      (void)buffer.Delete(absl::StrCat(i));
    }
  }
}

}  // namespace
}  // namespace cubby::table
