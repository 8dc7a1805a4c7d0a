#include "table/writer.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/extents.h"
#include "table/repair.h"
#include "table/scan.h"
#include "table/sweep.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(WriterTest, PutIsReadBackAndOverwritten) {
  TableBuffer buffer(TinyOptions());
  EXPECT_EQ(buffer.Get("k"), "<not found>");
  ASSERT_TRUE(buffer.Put("k", "one").ok());
  EXPECT_EQ(buffer.Get("k"), "one");
  ASSERT_TRUE(buffer.Put("k", "").ok());
  EXPECT_EQ(buffer.Get("k"), "");
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST(WriterTest, RevisionsRise) {
  TableBuffer buffer(TinyOptions());
  const uint64_t first = buffer.Put("a", "1").value();
  const uint64_t second = buffer.Put("b", "1").value();
  const uint64_t third = buffer.Put("a", "1").value();
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  Found found;
  EXPECT_EQ(Reader(buffer.table()).Get("a", NoSink(), &found), Outcome::kFound);
  EXPECT_EQ(found.revision, third);
}

TEST(WriterTest, ConditionsAreKept) {
  TableBuffer buffer(TinyOptions());
  EXPECT_EQ(buffer.Put("k", "v", UpdateKind::kReplace).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(buffer.Put("k", "v", UpdateKind::kAdd).ok());
  EXPECT_EQ(buffer.Put("k", "w", UpdateKind::kAdd).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(buffer.Get("k"), "v");
  EXPECT_TRUE(buffer.Put("k", "w", UpdateKind::kReplace).ok());
  EXPECT_EQ(buffer.Get("k"), "w");
}

TEST(WriterTest, DeleteRemovesOnlyThatKey) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("a", "1").ok());
  ASSERT_TRUE(buffer.Put("b", "2").ok());
  EXPECT_TRUE(buffer.Delete("a").ok());
  EXPECT_EQ(buffer.Delete("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(buffer.Get("a"), "<not found>");
  EXPECT_EQ(buffer.Get("b"), "2");
}

TEST(WriterTest, SizesOverTheLimitAreRefusedNamingIt) {
  TableBuffer buffer(TinyOptions());
  const uint32_t longest = buffer.geometry().max_key_bytes;
  EXPECT_TRUE(buffer.Put(std::string(longest, 'k'), std::string(400, 'v')).ok());
  EXPECT_EQ(buffer.Get(std::string(longest, 'k')), std::string(400, 'v'));
  const absl::Status key = buffer.Put(std::string(longest + 1, 'k'), "v").status();
  EXPECT_EQ(key.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(key.message()), HasSubstr(absl::StrCat("limit is ", longest)));
  const absl::Status value = buffer.Put("k", std::string(401, 'v')).status();
  EXPECT_EQ(value.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(value.message()), HasSubstr("limit is 400"));
  EXPECT_EQ(buffer.Put("", "v").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(WriterTest, TakesExactlyItsCapacityForAnyKeySet) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    TableBuffer buffer(TinyOptions());
    for (int i = 0; i < 12; ++i) {
      ASSERT_TRUE(buffer.Put(absl::StrCat(seed, "/", i), absl::StrCat(i)).ok()) << seed << "/" << i;
    }
    const absl::Status full = buffer.Put("one more", "v").status();
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(full.message()), HasSubstr("12 entries"));
    for (int i = 0; i < 12; ++i) EXPECT_EQ(buffer.Get(absl::StrCat(seed, "/", i)), absl::StrCat(i));
    EXPECT_TRUE(buffer.Put(absl::StrCat(seed, "/3"), "overwritten").ok());
    ASSERT_THAT(Check(buffer.table()).problems, IsEmpty());
  }
}

// All keys with one home: each bucket sends the next key on, all the way round the table.
TEST(WriterTest, CollidingKeysFillTheWholeTable) {
  TableBuffer buffer(TinyOptions());
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 12; ++i) {
    const std::string key = absl::StrCat("c", i);
    const uint64_t home = buffer.HomeOf(key);
    if (home == buffer.geometry().bucket_count - 2) keys.push_back(key);
  }
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, key).ok());
  for (const std::string& key : keys) EXPECT_EQ(buffer.Get(key), key);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Delete(key).ok());
  const CheckResult empty = Check(buffer.table());
  EXPECT_THAT(empty.problems, IsEmpty());
  EXPECT_EQ(empty.entries, 0u);
  EXPECT_EQ(empty.loose_overflow_counts, 0u);
}

TEST(WriterTest, LongValuesGrowAndShrinkThroughExtents) {
  TableBuffer buffer(TinyOptions());
  for (size_t size : {400, 1, 49, 48, 47, 200, 0, 96, 97, 399}) {
    const std::string value(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(buffer.Put("k", value).ok()) << size;
    EXPECT_EQ(buffer.Get("k"), value);
    ASSERT_THAT(Check(buffer.table()).problems, IsEmpty()) << size;
  }
  ASSERT_TRUE(buffer.Delete("k").ok());
  EXPECT_EQ(Check(buffer.table()).extents_in_use, 0u);
}

TEST(WriterTest, KeysOfEverySizeGrowAndShrinkThroughExtents) {
  TableBuffer buffer(TinyOptions());
  const uint32_t limit = buffer.geometry().max_key_bytes;
  ASSERT_GT(limit, 400u);
  for (size_t key_bytes = 1; key_bytes <= limit; ++key_bytes) {
    const std::string key(key_bytes, static_cast<char>('a' + key_bytes % 26));
    for (const size_t value_bytes : {0, 1, 8, 9, 47, 48, 400, 30}) {
      const std::string value(value_bytes, static_cast<char>('A' + value_bytes % 26));
      ASSERT_TRUE(buffer.Put(key, value).ok()) << key_bytes << " " << value_bytes;
      ASSERT_EQ(buffer.Get(key), value) << key_bytes << " " << value_bytes;
      ASSERT_THAT(Check(buffer.table()).problems, IsEmpty()) << key_bytes << " " << value_bytes;
    }
    EXPECT_EQ(buffer.Get(key + 'x'), "<not found>");
    ASSERT_TRUE(buffer.Delete(key).ok()) << key_bytes;
    ASSERT_EQ(buffer.Get(key), "<not found>");
  }
  EXPECT_EQ(Check(buffer.table()).extents_in_use, 0u);
}

TEST(WriterTest, ALongKeyTakesEveryUpdate) {
  TableBuffer buffer(TinyOptions());
  const std::string key(200, 'k');
  std::string result;
  Update append;
  append.kind = UpdateKind::kAppend;
  append.value = "12";
  append.result = &result;
  append.expiry_ns = 500;
  ASSERT_TRUE(buffer.Do(key, append).ok());
  Update add;
  add.kind = UpdateKind::kAddNumber;
  add.addend = 30;
  add.result = &result;
  add.keep_expiry = true;
  ASSERT_TRUE(buffer.Do(key, add).ok());
  EXPECT_EQ(buffer.SlotOf(key)->expiry_ns.load(), 500u);
  EXPECT_EQ(buffer.Get(key), "<not found>") << "it has expired";
  EXPECT_EQ(result, "42");
  EXPECT_TRUE(buffer.Put(key, "v").ok());
  EXPECT_EQ(buffer.Put(key, "w", UpdateKind::kAdd).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(buffer.Put(key, "w", UpdateKind::kReplace).ok());
  EXPECT_EQ(buffer.Get(key), "w");
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST(WriterTest, LongKeysOverflowAndAreSwept) {
  GeometryOptions options = TinyOptions();
  options.extent_pool_bytes = 64 * 200;
  TableBuffer buffer(options);
  const uint64_t home = buffer.geometry().bucket_count - 1;
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 6; ++i) {
    std::string key = absl::StrCat(std::string(100, '-'), i);
    if (buffer.HomeOf(key) == home) keys.push_back(std::move(key));
  }
  for (const std::string& key : keys) {
    ASSERT_TRUE(buffer.Put(key, key, UpdateKind::kSet, /*expiry_ns=*/100).ok());
  }
  std::map<std::string, std::string> scanned;
  std::vector<ScannedEntry> entries;
  for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
    ASSERT_EQ(ScanHome(buffer.table(), bucket, &entries, [] { return uint64_t{1}; }),
              Outcome::kFound);
    for (const ScannedEntry& entry : entries) scanned[entry.key] = entry.value;
  }
  EXPECT_EQ(scanned.size(), keys.size());
  for (const std::string& key : keys) EXPECT_EQ(scanned[key], key);
  ASSERT_THAT(Check(buffer.table()).problems, IsEmpty());

  Sweep sweep(buffer.table(), /*everything=*/false);
  const lock::HeldWriterRole role;
  while (!sweep.done()) ASSERT_TRUE(sweep.Step(100).ok());
  EXPECT_EQ(sweep.removed(), keys.size());
  const CheckResult empty = Check(buffer.table());
  EXPECT_THAT(empty.problems, IsEmpty());
  EXPECT_EQ(empty.extents_in_use, 0u);
  EXPECT_EQ(empty.loose_overflow_counts, 0u);
}

TEST(WriterTest, RunningOutOfExtentsChangesNothing) {
  TableBuffer buffer(TinyOptions());
  int stored = 0;
  absl::Status status;
  while ((status = buffer.Put(absl::StrCat("k", stored), std::string(400, 'v')).status()).ok()) {
    ++stored;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--extent-pool"));
  EXPECT_GE(stored, 2);
  for (int i = 0; i < stored; ++i)
    EXPECT_EQ(buffer.Get(absl::StrCat("k", i)), std::string(400, 'v'));
  EXPECT_EQ(buffer.Get(absl::StrCat("k", stored)), "<not found>");
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

TEST(WriterTest, ExpiredEntriesAreAbsentAndSweptOnce) {
  TableBuffer buffer(TinyOptions());
  // The reader asks the real clock: 1 ns after boot is past, ~0 never comes.
  ASSERT_TRUE(buffer.Put("gone", "1", UpdateKind::kSet, /*expiry_ns=*/1, /*now_ns=*/0).ok());
  ASSERT_TRUE(buffer.Put("stays", "2", UpdateKind::kSet, /*expiry_ns=*/~0ull, 0).ok());
  EXPECT_EQ(buffer.Get("gone"), "<not found>");
  EXPECT_EQ(buffer.Get("stays"), "2");
  EXPECT_EQ(buffer.Put("gone", "x", UpdateKind::kReplace, 0, /*now_ns=*/5).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(MayHaveExpired(buffer.table(), 5));
  Sweep sweep(buffer.table(), /*everything=*/false);
  const lock::HeldWriterRole role;
  while (!sweep.done()) ASSERT_TRUE(sweep.Step(/*now_ns=*/5).ok());
  EXPECT_EQ(sweep.removed(), 1u);
  EXPECT_FALSE(MayHaveExpired(buffer.table(), 5));
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
  EXPECT_EQ(buffer.table().fixed().counters.expired.load(), 1u);
}

TEST(WriterTest, ClearRemovesEverythingWithItsExtents) {
  TableBuffer buffer(TinyOptions());
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(buffer.Put(absl::StrCat(i), std::string(size_t{13} * i, 'x')).ok()) << i;
  }
  Sweep sweep(buffer.table(), /*everything=*/true);
  const lock::HeldWriterRole role;
  while (!sweep.done()) ASSERT_TRUE(sweep.Step(1).ok());
  EXPECT_EQ(sweep.removed(), 8u);
  const CheckResult result = Check(buffer.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.entries, 0u);
  EXPECT_EQ(result.loose_overflow_counts, 0u);
}

// Readers of a key that is put again and again: each value stays untouched for as long as it can.
TEST(WriterTest, AKeyPutAgainAndAgainGoesRoundAllWays) {
  GeometryOptions options = TinyOptions();
  options.ways = 16;
  TableBuffer buffer(options);
  uint32_t seen = 0;
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(buffer.Put("k", absl::StrCat(i)).ok());
    uint32_t way = 0;
    ASSERT_NE(buffer.SlotOf("k", nullptr, &way), nullptr);
    seen |= 1u << way;
  }
  EXPECT_EQ(seen, 0xffffu);
}

// Whatever the intent says, and however full the overflow counts are, the next owner is not busy
// for long: it recounts the first buckets and leaves the others as they are.
TEST(WriterTest, AForgedIntentIsRepairedWithinABudget) {
  GeometryOptions options = TinyOptions();
  options.capacity = 20'000;
  TableBuffer buffer(options);
  const WritableTable& table = buffer.table();
  const uint64_t last = buffer.geometry().bucket_count - 1;
  for (uint64_t bucket = 0; bucket <= last; ++bucket) {
    table.mutable_head(bucket).overflow.store(0x7000);
  }
  Intent& intent = table.mutable_fixed().intent;
  intent.home.store(0);
  intent.bucket.store(last);
  intent.overflow_class.store(3);
  intent.operation.store(static_cast<uint64_t>(Operation::kPut));
  const lock::HeldWriterRole role;
  RepairIfNeeded(table);
  EXPECT_EQ(intent.operation.load(), static_cast<uint64_t>(Operation::kNone));
  EXPECT_EQ(table.head(last - 1).overflow.load(), 0x7000u);
}

// An intent as a killed writer left it, but for one word.
// How many extents an entry can have.
uint64_t LongestChain(const Geometry& geometry) {
  return ChainLength(
      geometry, RoundUp8(geometry.max_key_bytes) + kLeaseRecordBytes + geometry.max_value_bytes);
}

TEST(WriterTest, AForgedIntentLeadsNowhere) {
  struct Case {
    const char* name;
    void (*forge)(Intent*, const Geometry&);
  };
  const Case cases[] = {
      {"bucket",
       [](Intent* i, const Geometry& g) {
         i->bucket.store(g.bucket_count);
         i->word0_after.store(0);  // as that bucket's would be, if it were not an extent
       }},
      {"home", [](Intent* i, const Geometry& g) { i->home.store(g.bucket_count); }},
      {"class", [](Intent* i, const Geometry&) { i->overflow_class.store(kOverflowClasses); }},
      {"first taken", [](Intent* i, const Geometry& g) { i->taken.store(g.extent_count); }},
      {"last taken",
       [](Intent* i, const Geometry& g) { i->taken.store(PackLink(0, g.extent_count)); }},
      {"first freed", [](Intent* i, const Geometry& g) { i->freed.store(g.extent_count); }},
      {"last freed",
       [](Intent* i, const Geometry& g) { i->freed.store(PackLink(0, g.extent_count)); }},
      {"length taken",
       [](Intent* i, const Geometry& g) {
         i->chain_lengths.store(uint64_t{1} << 32 | (LongestChain(g) + 1));
       }},
      {"length freed",
       [](Intent* i, const Geometry& g) {
         i->chain_lengths.store((LongestChain(g) + 1) << 32 | 1);
       }},
      {"victim's bucket",
       [](Intent* i, const Geometry& g) {
         i->operation.store(static_cast<uint64_t>(Operation::kEvict));
         i->gone_bucket.store(g.bucket_count);
       }},
      {"victim's home",
       [](Intent* i, const Geometry& g) {
         i->operation.store(static_cast<uint64_t>(Operation::kEvict));
         i->gone_home.store(g.bucket_count);
       }},
      {"bucket of a move",
       [](Intent* i, const Geometry& g) {
         i->operation.store(static_cast<uint64_t>(Operation::kMove));
         i->gone_bucket.store(g.bucket_count);
       }},
      {"class of a move",
       [](Intent* i, const Geometry&) {
         i->operation.store(static_cast<uint64_t>(Operation::kMove));
         i->gone_overflow_class.store(kOverflowClasses);
       }},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("k", "v").ok());
    const WritableTable& table = buffer.table();
    uint64_t bucket = 0;
    buffer.SlotOf("k", &bucket);
    Intent& intent = table.mutable_fixed().intent;
    intent.bucket.store(bucket);
    intent.home.store(bucket);
    intent.word0_after.store(table.head(bucket).word0.load());
    intent.entries_after.store(77);
    intent.taken.store(PackLink(1, 1));
    intent.freed.store(PackLink(2, 2));
    intent.chain_lengths.store(uint64_t{1} << 32 | 1);
    intent.extents_after.store(uint64_t{3} << 32 | 2);
    intent.operation.store(static_cast<uint64_t>(Operation::kPut));
    c.forge(&intent, buffer.geometry());
    const lock::HeldWriterRole role;
    RepairIfNeeded(table);
    EXPECT_EQ(intent.operation.load(), static_cast<uint64_t>(Operation::kNone)) << c.name;
    EXPECT_EQ(table.fixed().counters.entries.load(), 1u) << c.name;
    EXPECT_EQ(buffer.Get("k"), "v") << c.name;
    EXPECT_THAT(Check(table).problems, IsEmpty()) << c.name;
  }
}

TEST(WriterTest, AForgedEndOfAChangeRecordIsNotShown) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  const WritableTable& table = buffer.table();
  uint64_t bucket = 0;
  buffer.SlotOf("k", &bucket);
  for (const uint64_t end : {buffer.geometry().changes_bytes + 8, uint64_t{4}}) {
    Intent& intent = table.mutable_fixed().intent;
    intent.bucket.store(bucket);
    intent.home.store(bucket);
    intent.word0_after.store(table.head(bucket).word0.load());
    intent.entries_after.store(1);
    intent.changes_head_after.store(end);
    intent.operation.store(static_cast<uint64_t>(Operation::kPut));
    table.mutable_fixed().counters.entries.store(7);
    const lock::HeldWriterRole role;
    RepairIfNeeded(table);
    EXPECT_EQ(table.fixed().counters.entries.load(), 1u) << "the rest is repaired";
    EXPECT_EQ(table.fixed().changes.head.load(), 0u) << end;
    EXPECT_EQ(intent.changes_head_after.load(), 0u) << end;
    EXPECT_THAT(Check(table).problems, IsEmpty()) << end;
  }
}

TEST(WriterTest, EveryOperationRepairsFirst) {
  struct Case {
    const char* name;
    void (*operate)(TableBuffer*);
  };
  const Case cases[] = {
      {"put", [](TableBuffer* b) { (void)b->Put("absent", "v", UpdateKind::kReplace); }},
      {"delete", [](TableBuffer* b) { (void)b->Delete("absent"); }},
      {"take",
       [](TableBuffer* b) {
         std::string value;
         const lock::HeldWriterRole role;
         (void)Writer(b->table()).Take("absent", b->Hash("absent"), &value);
       }},
      {"clear",
       [](TableBuffer* b) {
         const lock::HeldWriterRole role;
         Writer(b->table()).ClearExpired(0, 1);
       }},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("k", "v").ok());
    // As if its writer had died right after the commit.
    FixedPart& fixed = buffer.table().mutable_fixed();
    fixed.counters.entries.store(0);
    fixed.intent.operation.store(static_cast<uint64_t>(Operation::kPut));
    c.operate(&buffer);
    EXPECT_EQ(fixed.counters.entries.load(), 1u) << c.name;
    EXPECT_EQ(fixed.counters.repairs.load(), 1u) << c.name;
  }
}

TEST(WriterTest, ThePoolCanBeUsedToItsLastExtent) {
  GeometryOptions options = TinyOptions();
  options.extent_pool_bytes = 64 * 19;
  TableBuffer buffer(options);
  ASSERT_TRUE(buffer.Put("a", std::string(400, 'a')).ok());  // 9 extents
  ASSERT_TRUE(buffer.Put("b", std::string(400, 'b')).ok());
  ASSERT_TRUE(buffer.Put("c", std::string(40, 'c')).ok());
  EXPECT_EQ(buffer.table().fixed().extents.free_count.load(), 0u);
  EXPECT_TRUE(absl::IsResourceExhausted(buffer.Put("d", std::string(40, 'd')).status()));
  EXPECT_EQ(buffer.Get("a"), std::string(400, 'a'));
  EXPECT_EQ(buffer.Get("b"), std::string(400, 'b'));
  EXPECT_EQ(buffer.Get("c"), std::string(40, 'c'));
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

// The free extents of a full pool, wherever they are, whether or not a word of the map has others.
TEST(WriterTest, EveryFreeExtentIsFound) {
  GeometryOptions options = TinyOptions();
  options.capacity = 10'000;
  options.extent_pool_bytes = 64 * 5000;
  TableBuffer buffer(options);
  const auto key = [](uint32_t i) { return absl::StrCat("key", i); };
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(buffer.Put(key(i), std::string(40, 'a')).ok()) << i;
  }
  // One in the word of the hand, one behind it, one before it, and one in the last word.
  for (const uint32_t freed : {100u, 4000u, 3u, 4999u, 0u, 63u, 64u}) {
    ASSERT_TRUE(buffer.Delete(key(freed)).ok());
    ASSERT_TRUE(buffer.Put(key(freed), std::string(40, 'b')).ok()) << freed;
    EXPECT_EQ(ChainOf(buffer.table(), *buffer.SlotOf(key(freed)))->first, freed);
  }
  // Nine that lie apart, taken by one value: all after the hand, and on both sides of it.
  for (const uint32_t hand : {0u, 2000u}) {
    buffer.table().mutable_fixed().extents.hand.store(hand);
    for (uint32_t i = 0; i < 9; ++i) ASSERT_TRUE(buffer.Delete(key((i * 501 + hand) % 5000)).ok());
    ASSERT_TRUE(buffer.Put("long", std::string(400, 'l')).ok());
    EXPECT_EQ(buffer.Get("long"), std::string(400, 'l'));
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
    ASSERT_TRUE(buffer.Delete("long").ok());
    EXPECT_EQ(buffer.table().fixed().extents.free_count.load(), 9u);
    EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
    for (uint32_t i = 0; i < 9; ++i) {
      ASSERT_TRUE(buffer.Put(key((i * 501 + hand) % 5000), std::string(40, 'c')).ok());
    }
  }
}

// How many pieces a key's value lies in.
int RunsOf(TableBuffer* buffer, absl::string_view key) {
  const Chain chain = ChainOf(buffer->table(), *buffer->SlotOf(key)).value();
  int runs = 1;
  uint32_t at = chain.first;
  for (uint32_t i = 1; i < chain.length; ++i) {
    const uint32_t next = buffer->table().extent(at).next.load();
    if (next != at + 1) ++runs;
    at = next;
  }
  return runs;
}

// Puts values of random sizes, in place of others of random sizes, until all of it is worn.
void Wear(TableBuffer* buffer, int keys) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100 * keys; ++i) {
    const std::string key = absl::StrCat(i < keys ? i : random() % keys);
    ASSERT_TRUE(buffer->Put(key, std::string(random() % 400 + 1, 'v')).ok());
  }
}

TEST(WriterTest, ChainsOfAWornPoolAreContiguousWhileItHasRoom) {
  GeometryOptions options = TinyOptions();
  options.capacity = 1000;
  options.extent_pool_bytes = 64 * 9000;  // half of it is used: 4.7 extents each
  TableBuffer buffer(options);
  ASSERT_NO_FATAL_FAILURE(Wear(&buffer, 950));
  int scattered = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string key = absl::StrCat(i);
    ASSERT_TRUE(buffer.Put(key, std::string(400, 'v')).ok());
    scattered += RunsOf(&buffer, key) != 1 ? 1 : 0;
  }
  EXPECT_EQ(scattered, 0);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

// Where there is no run that is long enough, the longest are taken: 2 on average, not 3.
TEST(WriterTest, ChainsOfAFullPoolHaveFewPieces) {
  GeometryOptions options = TinyOptions();
  options.capacity = 1000;
  options.extent_pool_bytes = 64 * 4900;
  TableBuffer buffer(options);
  ASSERT_NO_FATAL_FAILURE(Wear(&buffer, 950));
  int runs = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string key = absl::StrCat(i);
    ASSERT_TRUE(buffer.Put(key, std::string(390, 'v')).ok());
    EXPECT_EQ(buffer.Get(key), std::string(390, 'v'));
    runs += RunsOf(&buffer, key);
    ASSERT_TRUE(buffer.Put(key, std::string(i % 400 + 1, 'w')).ok());
  }
  EXPECT_LT(runs, 600);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

// Readers of a value that was removed: its extents stay untouched until the hand has come round.
TEST(WriterTest, FreedExtentsRestUntilTheHandComesRound) {
  GeometryOptions options = TinyOptions();
  options.extent_pool_bytes = 64 * 100;
  TableBuffer buffer(options);
  const auto first_of = [&buffer] { return ChainOf(buffer.table(), *buffer.SlotOf("k"))->first; };
  ASSERT_TRUE(buffer.Put("k", std::string(400, 'a')).ok());
  const uint32_t first = first_of();
  for (int i = 1; i < 11; ++i) {
    ASSERT_TRUE(buffer.Put("k", std::string(400, 'b')).ok());
    EXPECT_EQ(first_of(), first + i * 9);
  }
  // 99 of the 100 are behind the hand: the next chain wraps or begins anew.
  ASSERT_TRUE(buffer.Put("k", std::string(400, 'c')).ok());
  EXPECT_EQ(first_of(), first);
}

// The number in an extent that says how many of its chain lie behind it, for writers.
TEST(WriterTest, AForgedRunLeadsNowhere) {
  TableBuffer buffer(TinyOptions());
  // Extents 0, 1 and 2, of which the second stays.
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(buffer.Put(key, std::string(40, 'v')).ok());
  }
  ASSERT_TRUE(buffer.Delete("a").ok());
  ASSERT_TRUE(buffer.Delete("c").ok());
  buffer.table().mutable_fixed().extents.hand.store(0);
  buffer.table().mutable_extent_map(0).fetch_or(~uint64_t{7});
  ASSERT_TRUE(buffer.Put("k", std::string(90, 'k')).ok());
  buffer.table().mutable_extent(0).run.store(~0u - 2);
  ASSERT_TRUE(buffer.Delete("k").ok());
  EXPECT_EQ(buffer.table().extent_map(0).load(), ~uint64_t{7} | 4);
  EXPECT_EQ(buffer.Get("b"), std::string(40, 'v'));
}

TEST(WriterTest, DamageToTheExtentMapLosesNoOtherValue) {
  struct Case {
    const char* name;
    void (*damage)(TableBuffer*);
    absl::StatusCode put;
  };
  constexpr auto kOk = absl::StatusCode::kOk;
  const Case cases[] = {
      {"hand", [](TableBuffer* b) { b->table().mutable_fixed().extents.hand.store(~0u); }, kOk},
      {"count too high",
       [](TableBuffer* b) { b->table().mutable_fixed().extents.free_count.store(~0ull); },
       absl::StatusCode::kDataLoss},
      {"count too low",
       [](TableBuffer* b) { b->table().mutable_fixed().extents.free_count.store(2); },
       absl::StatusCode::kResourceExhausted},
      {"all in use", [](TableBuffer* b) { b->table().mutable_extent_map(0).store(~0ull); },
       absl::StatusCode::kDataLoss},
      {"full by the summary",
       [](TableBuffer* b) {
         const uint64_t words = MapWords(b->geometry());
         b->table().mutable_extent_map(words).store(~0ull);
         b->table().mutable_fixed().extents.hand.store(b->geometry().extent_count - 1);
       },
       absl::StatusCode::kDataLoss},
  };
  for (const Case& c : cases) {
    TableBuffer buffer(TinyOptions());
    ASSERT_LE(buffer.geometry().extent_count, 64u);
    ASSERT_TRUE(buffer.Put("k", std::string(300, 'v')).ok());
    c.damage(&buffer);
    EXPECT_THAT(Check(buffer.table()).problems, testing::Not(IsEmpty())) << c.name;
    EXPECT_EQ(buffer.Put("long", std::string(300, 'w')).status().code(), c.put) << c.name;
    EXPECT_EQ(buffer.Get("k"), std::string(300, 'v')) << c.name;
    EXPECT_EQ(buffer.Get("long"), c.put == kOk ? std::string(300, 'w') : "<not found>") << c.name;
  }
}

TEST(WriterTest, AnOverflowCountAtItsLargestStays) {
  TableBuffer buffer(TinyOptions());
  const WritableTable& table = buffer.table();
  for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
    table.mutable_head(bucket).overflow.store(~uint64_t{0});
  }
  // All of one home, so that some go on to other buckets.
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < buffer.geometry().ways + 2; ++i) {
    const std::string key = absl::StrCat(i);
    if (buffer.HomeOf(key) == 1) keys.push_back(key);
  }
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Put(key, "v").ok());
  for (const std::string& key : keys) ASSERT_TRUE(buffer.Delete(key).ok());
  for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
    EXPECT_EQ(table.head(bucket).overflow.load(), ~uint64_t{0});
  }
}

TEST(WriterTest, ABucketWithoutADeadWayIsNotWrittenTo) {
  TableBuffer buffer(TinyOptions());
  // Not with the tag of the ways that were never written, which are damage once they count as live.
  std::string key = "k";
  while (TagOf(buffer.Hash(key)) == 0) key += 'k';
  ASSERT_TRUE(buffer.Put(key, "v").ok());
  uint64_t bucket = 0;
  buffer.SlotOf(key, &bucket);
  buffer.table().mutable_head(bucket).word0.fetch_or(7);
  EXPECT_EQ(buffer.Put(key, "w").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(buffer.Get(key), "v");
}

TEST(WriterTest, AgreesWithAMapOverRandomOperations) {
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(absl::StrCat("seed ", seed, " (--gtest_random_seed=", seed - 1, ")"));
  std::mt19937_64 random(seed);
  for (uint32_t ways : {2, 3, 16}) {
    GeometryOptions options = TinyOptions();
    options.capacity = 60;
    options.ways = ways;
    options.extent_pool_bytes = 64 * 400;
    TableBuffer buffer(options);
    std::map<std::string, std::string> model;
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = absl::StrCat("key", random() % 90);
      const uint64_t choice = random() % 10;
      const bool present = model.count(key) != 0;
      if (choice < 5) {
        const std::string value(random() % 5 == 0 ? random() % 400 : random() % 40,
                                static_cast<char>('a' + random() % 26));
        const auto kind = static_cast<UpdateKind>(random() % 3);
        const bool wanted = kind == UpdateKind::kSet || (kind == UpdateKind::kReplace) == present;
        const absl::StatusOr<uint64_t> put = buffer.Put(key, value, kind);
        if (absl::IsResourceExhausted(put.status())) {
          ASSERT_TRUE(model.size() == 60 || value.size() > 30) << put.status();
        } else {
          ASSERT_EQ(put.ok(), wanted) << put.status();
          if (wanted) model[key] = value;
        }
      } else if (choice < 7) {
        ASSERT_EQ(buffer.Delete(key).ok(), present);
        model.erase(key);
      } else {
        ASSERT_EQ(buffer.Get(key), present ? model[key] : "<not found>") << key;
      }
      if (i % 500 == 0) {
        ASSERT_THAT(Check(buffer.table()).problems, IsEmpty()) << i;
      }
    }
    std::map<std::string, std::string> scanned;
    std::vector<ScannedEntry> entries;
    for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
      ASSERT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kFound);
      for (const ScannedEntry& entry : entries) {
        ASSERT_TRUE(scanned.emplace(entry.key, entry.value).second) << entry.key;
      }
    }
    EXPECT_EQ(scanned, model);
    const CheckResult result = Check(buffer.table());
    EXPECT_THAT(result.problems, IsEmpty());
    EXPECT_EQ(result.loose_overflow_counts, 0u);
  }
}

}  // namespace
}  // namespace cubby::table
