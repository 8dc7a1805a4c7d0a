#include "table/reader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
        refreshed->Put("k", "new", Condition::kAlways, /*expiry_ns=*/kExpiry * 2, kExpiry - 1)
            .ok());
    refreshed = nullptr;  // once
  }
  return kExpiry;
}

TEST(ReaderTest, AnEntryPutAgainBeforeItExpiredIsNotMissed) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "old", Condition::kAlways, kExpiry, /*now_ns=*/1).ok());
  refreshed = &buffer;
  Found found;
  std::string value;
  ASSERT_EQ(Reader(buffer.table(), ClockOfASlowReader).Get("k", StringSink(&value), &found),
            Outcome::kFound);
  EXPECT_EQ(value, "new");
}

TEST(ReaderTest, AnEntryPutAgainBeforeItExpiredIsScanned) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "old", Condition::kAlways, kExpiry, /*now_ns=*/1).ok());
  refreshed = &buffer;
  const uint64_t bucket = HomeBucket(buffer.Hash("k"), buffer.geometry().bucket_count);
  std::vector<ScannedEntry> entries;
  ASSERT_EQ(ScanBucket(buffer.table(), bucket, &entries, ClockOfASlowReader), Outcome::kFound);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].value, "new");
}

TEST(ReaderTest, AnEntryThatHasExpiredIsAbsent) {
  TableBuffer buffer(TinyOptions());
  ASSERT_TRUE(buffer.Put("k", "v", Condition::kAlways, kExpiry, /*now_ns=*/1).ok());
  Found found;
  EXPECT_EQ(Reader(buffer.table(), [] { return kExpiry - 1; }).Get("k", NoSink(), &found),
            Outcome::kFound);
  EXPECT_EQ(Reader(buffer.table(), [] { return kExpiry; }).Get("k", NoSink(), &found),
            Outcome::kNotFound);
}

}  // namespace
}  // namespace cubby::table
