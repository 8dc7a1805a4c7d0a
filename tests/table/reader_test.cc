#include "table/reader.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/checker.h"
#include "table/extents.h"
#include "table/scan.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

TEST(ReaderTest, AnEmptyValueFitsNoRoom) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "").ok());
  Found found;
  EXPECT_EQ(Reader(buffer.table()).Get("k", BufferSink(nullptr, 0), &found), Outcome::kFound);
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  EXPECT_EQ(Reader(buffer.table()).Get("k", BufferSink(nullptr, 0), &found), Outcome::kTooSmall);
  EXPECT_EQ(found.value_bytes, 1u);
}

TEST(ReaderTest, WrongHintsDecideNothing) {
  TableBuffer buffer(TinyOptions());
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(buffer.Put(absl::StrCat(i), absl::StrCat(i)).ok());
  for (int wrong : {0x00, 0x5a, 0xff}) {
    for (uint64_t bucket = 0; bucket < buffer.geometry().bucket_count; ++bucket) {
      for (auto& hint : buffer.table().mutable_hints(bucket).tags) {
        hint.store(static_cast<uint8_t>(wrong));
      }
    }
    for (int i = 0; i < 12; ++i) EXPECT_EQ(buffer.Get(absl::StrCat(i)), absl::StrCat(i));
    EXPECT_EQ(buffer.Get("absent"), "<not found>");
    EXPECT_TRUE(buffer.Put("3", "3").ok());
  }
}

// A reader asks the clock after it has found an entry. What if the entry is put again, with more
// time to live, in between? It is there all the while, whatever the clock says then.
TableBuffer* refreshed = nullptr;
constexpr uint64_t kExpiry = 1000;

uint64_t ClockOfASlowReader() {
  if (refreshed != nullptr) {
    EXPECT_TRUE(
        refreshed->Put("k", "new", UpdateKind::kSet, /*expiry_ns=*/kExpiry * 2, kExpiry - 1).ok());
    refreshed = nullptr;  // once
  }
  return kExpiry;
}

TEST(ReaderTest, AnEntryPutAgainBeforeItExpiredIsNotMissed) {
  // In the first look, and in the rounds behind it.
  for (const bool in_rounds : {false, true}) {
    TableBuffer buffer(TinyOptions());
    ASSERT_TRUE(buffer.Put("k", "old", UpdateKind::kSet, kExpiry, /*now_ns=*/1).ok());
    refreshed = &buffer;
    const Reader reader(buffer.table(), ClockOfASlowReader);
    Found found;
    std::string value;
    const StringSink sink(&value);
    ASSERT_EQ(in_rounds ? reader.GetInRounds("k", sink, &found) : reader.Get("k", sink, &found),
              Outcome::kFound);
    EXPECT_EQ(value, "new");
  }
}

TEST(ReaderTest, AnEntryPutAgainBeforeItExpiredIsScanned) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "old", UpdateKind::kSet, kExpiry, /*now_ns=*/1).ok());
  refreshed = &buffer;
  const uint64_t bucket = buffer.HomeOf("k");
  std::vector<ScannedEntry> entries;
  ASSERT_EQ(ScanHome(buffer.table(), bucket, &entries, ClockOfASlowReader), Outcome::kFound);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].value, "new");
}

TEST(ReaderTest, AnEntryThatHasExpiredIsAbsent) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v", UpdateKind::kSet, kExpiry, /*now_ns=*/1).ok());
  Found found;
  EXPECT_EQ(Reader(buffer.table(), [] { return kExpiry - 1; }).Get("k", NoSink(), &found),
            Outcome::kFound);
  EXPECT_EQ(Reader(buffer.table(), [] { return kExpiry; }).Get("k", NoSink(), &found),
            Outcome::kNotFound);
}

// What a reader that paused anywhere may find when it looks back.
TEST(ReaderTest, AHitIsConfirmedOnlyIfItsSlotIsAsItWasAndItsRevisionWasCommitted) {
  constexpr uint64_t kWrap = uint64_t{1} << 48;
  constexpr uint64_t kHalf = kWrap >> 1;
  struct Case {
    const char* name;
    uint64_t word0_revision;  // as it was loaded
    uint64_t revision;        // in the slot, then
    bool word0_changed;
    bool slot_changed;
    Look look;
  };
  const Case cases[] = {
      {"the newest", 5, 5, false, false, Look::kWhole},
      {"older", 5, 3, false, false, Look::kWhole},
      {"older, and others were put since", 5, 3, true, false, Look::kWhole},
      {"filled anew", 5, 5, true, true, Look::kDisturbed},
      {"filled anew, not committed", 5, 5, false, true, Look::kDisturbed},
      {"newer than word0", 5, 6, true, false, Look::kDisturbed},
      {"far newer than word0", 5, uint64_t{1} << 46, true, false, Look::kDisturbed},
      {"after the revisions wrapped", kWrap - 3, kWrap + 2, true, false, Look::kDisturbed},
      {"after they wrapped, nothing has changed", 2, kWrap + 1, false, false, Look::kWhole},
      {"2^47 commits old", kHalf + 5, 5, false, false, Look::kWhole},
      {"2^47 commits old, and others were put since", kHalf + 5, 5, true, false, Look::kWhole},
      {"almost 2^48 commits old", kWrap - 1, 1, true, false, Look::kWhole},
      {"2^48 commits old", kWrap + 5, 5, true, false, Look::kWhole},
      // Fills that are not committed, in a bucket that had no commit for so many revisions.
      {"2^47 - 1 newer than word0", 5, 5 + kHalf - 1, true, false, Look::kDisturbed},
      {"2^47 newer than word0", 5, 5 + kHalf, true, false, Look::kDisturbed},
      {"2^47 + 1 newer than word0", 5, 5 + kHalf + 1, true, false, Look::kDisturbed},
      {"2^48 - 3 newer than word0", 2, kWrap - 1, true, false, Look::kDisturbed},
      {"2^48 newer than word0", 5, 5 + kWrap, true, false, Look::kDisturbed},
      {"2^49 newer than word0", 5, 5 + 2 * kWrap, true, false, Look::kDisturbed},
  };
  for (const Case& c : cases) {
    BucketHead head = {};
    SlotHead slot = {};
    const uint64_t word0 = MakeWord0(c.word0_revision, 1);
    head.word0.store(c.word0_changed ? MakeWord0(c.word0_revision + 9, 2) : word0);
    slot.sequence.store(c.revision * 2 + (c.slot_changed ? 1 : 0));
    EXPECT_EQ(Confirm(head, word0, slot, c.revision * 2), c.look) << c.name;
  }
}

TEST(ReaderTest, KeysThatDifferByATrailingZeroAreTwo) {
  GeometryOptions options = TinyOptions();
  options.capacity = 2;
  options.ways = kMaxWays;  // one bucket
  TableBuffer buffer(options);
  const auto tag = [&buffer](const std::string& key) { return TagOf(buffer.Hash(key)); };
  std::string key;
  for (int i = 0; key.empty() || tag(key) != tag(key + '\0'); ++i) key = absl::StrCat(i);
  ASSERT_TRUE(buffer.Put(key, "short").ok());
  EXPECT_EQ(buffer.Get(key + '\0'), "<not found>");
  ASSERT_TRUE(buffer.Put(key + '\0', "long").ok());
  EXPECT_EQ(buffer.Get(key), "short");
  EXPECT_EQ(buffer.Get(key + '\0'), "long");
}

TEST(ReaderTest, KeysOfOneTagAreToldApart) {
  GeometryOptions options = TinyOptions();
  options.capacity = 2;
  options.ways = kMaxWays;  // one bucket
  // The part in which they differ begins at any byte of a word, and ends at any.
  for (size_t before = 0; before <= 16; ++before) {
    TableBuffer buffer(options);
    std::map<uint8_t, std::string> with_tag;
    std::string key, other;
    for (int i = 1000; other.empty(); ++i) {
      key = absl::StrCat(std::string(before, '-'), i);
      std::string& same = with_tag[TagOf(buffer.Hash(key))];
      other = same;
      same = key;
    }
    ASSERT_TRUE(buffer.Put(key, "one").ok());
    EXPECT_EQ(buffer.Get(other), "<not found>") << key << " and " << other;
    ASSERT_TRUE(buffer.Put(other, "another").ok());
    EXPECT_EQ(buffer.Get(key), "one");
  }
}

// A table of one bucket, so that keys differ by their tags at most.
GeometryOptions OneBucket() {
  GeometryOptions options = TinyOptions();
  options.capacity = 2;
  options.ways = kMaxWays;
  return options;
}

TEST(ReaderTest, LongKeysAreToldApart) {
  TableBuffer buffer(OneBucket());
  const std::string key(199, 'k');
  ASSERT_TRUE(buffer.Put(key, "v").ok());
  uint64_t bucket = 0;
  uint32_t way = 0;
  SlotHead* slot = buffer.SlotOf(key, &bucket, &way);
  auto& tag = buffer.table().mutable_head(bucket).tags[way];
  for (size_t at = 0; at < key.size(); ++at) {
    std::string other = key;
    other[at] = 'x';
    EXPECT_EQ(buffer.Get(other), "<not found>");
    tag.store(TagOf(buffer.Hash(other)));
    EXPECT_EQ(buffer.Get(other), "<not found>") << "the hash differs, and byte " << at;
    // A process that knows the seed can make keys of one hash.
    WordAt(SlotBytes(*slot)).store(buffer.Hash(other));
    EXPECT_EQ(buffer.Get(other), "<not found>") << "byte " << at;
    WordAt(SlotBytes(*slot)).store(buffer.Hash(key));
    tag.store(TagOf(buffer.Hash(key)));
  }
  const std::string longer = key + '\0';
  tag.store(TagOf(buffer.Hash(longer)));
  WordAt(SlotBytes(*slot)).store(buffer.Hash(longer));
  EXPECT_EQ(buffer.Get(longer), "<not found>");
}

TEST(ReaderTest, ALongKeyIsFoundByEachSink) {
  for (const size_t value_bytes : {0, 1, 48, 300}) {
    TableBuffer buffer(OneBucket());
    const std::string key(250, 'k');
    const std::string value(value_bytes, 'v');
    ASSERT_TRUE(buffer.Put(key, value).ok());
    const Reader reader(buffer.table());
    Found found;
    EXPECT_EQ(reader.Get(key, NoSink(), &found), Outcome::kFound);
    EXPECT_EQ(found.value_bytes, value_bytes);
    char copy[300];
    EXPECT_EQ(reader.Get(key, BufferSink(copy, value_bytes), &found), Outcome::kFound);
    EXPECT_EQ(std::string(copy, value_bytes), value);
    if (value_bytes == 0) continue;
    EXPECT_EQ(reader.Get(key, BufferSink(copy, value_bytes - 1), &found), Outcome::kTooSmall);
    EXPECT_EQ(found.value_bytes, value_bytes);
  }
}

TEST(ReaderTest, ALongKeyInABrokenChainIsDamage) {
  const std::string key(120, 'k');
  TableBuffer buffer(OneBucket());
  ASSERT_TRUE(buffer.Put(key, "v").ok());
  uint64_t bucket = 0;
  SlotHead* slot = buffer.SlotOf(key, &bucket);
  const auto expect = [&](const std::string& got, Outcome presence) {
    EXPECT_EQ(buffer.Get(key), got);
    Found found;
    EXPECT_EQ(Reader(buffer.table()).Get(key, NoSink(), &found), presence);
    std::vector<ScannedEntry> entries;
    EXPECT_EQ(ScanHome(buffer.table(), bucket, &entries),
              presence == Outcome::kDamaged ? presence : Outcome::kFound);
    EXPECT_EQ(buffer.Put(key, "w").status().code(),
              presence == Outcome::kDamaged ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk);
  };
  std::atomic<uint64_t>& link = WordAt(SlotBytes(*slot) + 8);
  const uint64_t sound = link.load();
  for (const uint32_t index : {buffer.geometry().extent_count, 0x7fff'fff0u, kNoExtent}) {
    link.store(PackLink(index, LinkLast(sound)));
    expect("<damaged>", Outcome::kDamaged);
  }
  link.store(sound);
  ExtentHead& extent = buffer.table().mutable_extent(LinkFirst(sound));
  extent.sequence.fetch_add(2);
  expect("<damaged>", Outcome::kDamaged);
  extent.sequence.fetch_sub(2);
  const uint32_t next = extent.next.exchange(kNoExtent);
  expect("<damaged>", Outcome::kDamaged);
  extent.next.store(next);
  expect("v", Outcome::kFound);
}

TEST(ReaderTest, LengthsAndFlagsThatNoWriterCombinesAreDamage) {
  TableBuffer buffer(OneBucket());
  const Geometry& geometry = buffer.geometry();
  const uint32_t slot_key = geometry.max_inline_key_bytes;
  const uint32_t both = kSlotFlagExtents | kSlotFlagLongKey;
  const auto expect_damaged = [&](const std::string& key, const SlotLengths& lengths) {
    TableBuffer damaged(geometry);
    ASSERT_TRUE(damaged.Put(key, "v").ok());
    uint64_t bucket = 0;
    SlotHead* slot = damaged.SlotOf(key, &bucket);
    slot->lengths.store(PackLengths(lengths));
    const auto name = absl::StrCat(lengths.key_bytes, " ", lengths.value_bytes, " ", lengths.flags);
    EXPECT_EQ(damaged.Get(key), "<damaged>") << name;
    std::vector<ScannedEntry> entries;
    EXPECT_EQ(ScanHome(damaged.table(), bucket, &entries), Outcome::kDamaged) << name;
    EXPECT_EQ(damaged.Put(key, "w").status().code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_FALSE(Check(damaged.table()).sound()) << name;
  };
  const std::string in_slot(slot_key, 'k');
  const std::string in_extents(slot_key + 1, 'k');
  expect_damaged(in_slot, {1, slot_key, kSlotFlagLongKey});
  expect_damaged(in_slot, {1, slot_key, both});
  expect_damaged(in_extents, {1, slot_key + 1, 0});
  expect_damaged(in_extents, {1, slot_key + 1, kSlotFlagLongKey});
  expect_damaged(in_extents, {1, slot_key + 1, kSlotFlagExtents});
  expect_damaged(in_extents, {1, geometry.max_key_bytes + 1, both});
  expect_damaged(in_extents, {401, slot_key + 1, both});
  // More bytes than all extents have.
  Geometry few = geometry;
  few.extent_count = ChainLength(geometry, RoundUp8(geometry.max_key_bytes)) - 1;
  EXPECT_FALSE(LengthsArePossible(few, {0, geometry.max_key_bytes, both}));
  few.extent_count += 1;
  EXPECT_TRUE(LengthsArePossible(few, {0, geometry.max_key_bytes, both}));
}

// Its slot may say that it is as long: what would be compared lies outside.
TEST(ReaderTest, AKeyOverTheLimitIsComparedWithNothing) {
  GeometryOptions options = TinyOptions();
  options.capacity = 2;
  options.ways = kMaxWays;  // one bucket
  TableBuffer buffer(options);
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  uint64_t bucket = 0;
  uint32_t way = 0;
  SlotHead* slot = buffer.SlotOf("k", &bucket, &way);
  const std::string key(buffer.geometry().max_key_bytes + 1, 'k');
  slot->lengths.store(PackLengths({1, static_cast<uint32_t>(key.size()), false}));
  buffer.table().mutable_head(bucket).tags[way].store(TagOf(buffer.Hash(key)));
  EXPECT_EQ(buffer.Get(key), "<not found>");
}

TEST(ReaderTest, ALinkOutOfThePoolIsNotFollowed) {
  TableBuffer buffer(TinyOptions());
  const std::string value(40, 'v');
  ASSERT_TRUE(buffer.Put("k", value).ok());
  SlotHead* slot = buffer.SlotOf("k");
  const uint32_t count = buffer.geometry().extent_count;
  const uint32_t first = ChainOf(buffer.table(), *slot)->first;
  // A table with an extent less: that one is memory like any other now, and looks like the value's.
  Geometry smaller = buffer.geometry();
  smaller.extent_count = count - 1;
  const WritableTable table(buffer.memory(), smaller);
  std::memcpy(static_cast<void*>(&buffer.table().mutable_extent(count - 1)),
              &buffer.table().extent(first), smaller.extent_bytes);
  for (const uint32_t index : {count - 1, 0x7fff'fff0u, kNoExtent}) {
    WordAt(SlotBytes(*slot) + 8).store(PackLink(index, index));
    Found found;
    std::string read;
    EXPECT_EQ(Reader(table).Get("k", StringSink(&read), &found), Outcome::kDamaged) << index;
    EXPECT_EQ(ChainOf(table, *slot).status().code(), absl::StatusCode::kDataLoss) << index;
  }
}

TEST(ReaderTest, AScanLeavesOutOtherPrefixesAndValuesIfTold) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k1", "v").ok());
  int i = 0;
  while (buffer.HomeOf(absl::StrCat(i)) != buffer.HomeOf("k1")) ++i;
  ASSERT_TRUE(buffer.Put(absl::StrCat(i), "w").ok());
  std::vector<ScannedEntry> entries;
  ASSERT_EQ(ScanHome(buffer.table(), buffer.HomeOf("k1"), &entries, os::BootNanos, {"k", true}),
            Outcome::kFound);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key, "k1");
  EXPECT_EQ(entries[0].value, "v");
  ASSERT_EQ(ScanHome(buffer.table(), buffer.HomeOf("k1"), &entries, os::BootNanos, {"k", false}),
            Outcome::kFound);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].value, "");
  EXPECT_EQ(entries[0].value_bytes, 1u);
}

TEST(ReaderTest, AScanReportsDamageAsAGetDoesAndReturnsTheOtherEntries) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v").ok());
  int i = 0;
  while (buffer.HomeOf(absl::StrCat(i)) != buffer.HomeOf("k")) ++i;
  const std::string other = absl::StrCat(i);
  ASSERT_TRUE(buffer.Put(other, "w").ok());
  uint64_t bucket = 0;
  SlotHead* slot = buffer.SlotOf("k", &bucket);
  std::vector<ScannedEntry> entries;
  ASSERT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kFound);
  ASSERT_EQ(entries.size(), 2u);
  slot->sequence.fetch_or(1);
  EXPECT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kDamaged);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key, other);
  EXPECT_EQ(entries[0].value, "w");
  slot->sequence.fetch_sub(1);
  for (const SlotLengths& lengths :
       {SlotLengths{1, 0, 0}, SlotLengths{401, 1, 1}, SlotLengths{33, 1, 0}}) {
    slot->lengths.store(PackLengths(lengths));
    EXPECT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kDamaged);
    EXPECT_EQ(buffer.Get("k"), "<damaged>");
  }
}

class UnknownFlagTest : public ::testing::TestWithParam<bool> {};

// Later layouts may give it a meaning, which is not that of a value.
TEST_P(UnknownFlagTest, ASlotThatHasOneIsNeverServed) {
  const bool leases = GetParam();
  for (const std::string& value : {std::string("v"), std::string(300, 'x')}) {
    // Flag 8 is known, and wrong for a short key; so is a lease's for a value shorter than a
    // record.
    for (uint32_t bit = 1; bit < (leases ? kStaleShift : 16); ++bit) {
      if (leases && bit == 1 && value.size() > kLeaseRecordBytes) continue;
      Geometry geometry = PlanGeometry(TinyOptions()).value();
      if (!leases) geometry.lease_flags = 0;
      const TableBuffer formatted(geometry);
      // As a program that opens the store reads its geometry.
      TableBuffer buffer({formatted.memory(), geometry.total_bytes});
      ASSERT_TRUE(buffer.Put("k", value).ok());
      uint64_t bucket = 0;
      SlotHead* slot = buffer.SlotOf("k", &bucket);
      slot->lengths.fetch_or(uint64_t{1} << (48 + bit));
      EXPECT_EQ(buffer.Get("k"), "<damaged>") << bit;
      Found found;
      EXPECT_EQ(Reader(buffer.table()).Get("k", NoSink(), &found), Outcome::kDamaged) << bit;
      std::vector<ScannedEntry> entries;
      EXPECT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kDamaged) << bit;
      EXPECT_EQ(buffer.Put("k", "w").status().code(), absl::StatusCode::kDataLoss) << bit;
      EXPECT_EQ(buffer.Delete("k").code(), absl::StatusCode::kDataLoss) << bit;
      EXPECT_FALSE(Check(buffer.table()).sound()) << bit;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Leases, UnknownFlagTest, ::testing::Bool());

TEST(ReaderTest, LongerValueThanAnyMayBeIsDamageThoughItsSlotHasRoom) {
  GeometryOptions options = TinyOptions();
  options.max_value_bytes = 8;
  TableBuffer buffer(options);
  ASSERT_TRUE(buffer.Put("k", "12345678").ok());
  EXPECT_EQ(buffer.Get("k"), "12345678");
  uint64_t bucket = 0;
  SlotHead* slot = buffer.SlotOf("k", &bucket);
  slot->lengths.store(PackLengths({9, 1, 0}));
  EXPECT_EQ(buffer.Get("k"), "<damaged>");
  std::vector<ScannedEntry> entries;
  EXPECT_EQ(ScanHome(buffer.table(), bucket, &entries), Outcome::kDamaged);
}

}  // namespace
}  // namespace cubby::table
