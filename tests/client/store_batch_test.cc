// Calls that take many keys at once: MultiGet and MultiPut.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/store_fixture.h"
#include "tests/support/stuck_writer.h"

namespace cubby {
namespace {

using test::StoreTest;
using ::testing::HasSubstr;

TEST_F(StoreTest, MultiGetReturnsWhatGetsDo) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--max-value", "64KiB", "--extent-pool", "4MiB"}));
  auto store = Open();
  // More than are under way at once: short, in extents, of no bytes, expired, absent, impossible,
  // twice.
  std::vector<std::string> keys = {"", std::string(5000, 'k'), "absent", "empty", "twice", "twice"};
  ASSERT_TRUE(store->Put("empty", "").ok());
  ASSERT_TRUE(store->Put("twice", "2").ok());
  for (int i = 0; i < 100; ++i) {
    keys.push_back(absl::StrCat("key", i));
    if (i % 7 == 3) continue;
    const std::string value(static_cast<size_t>(i % 5 == 0 ? i * 500 : i), 'v');
    ASSERT_TRUE(
        store->Put(keys.back(), value, {i % 7 == 5 ? absl::Hours(1) : absl::InfiniteDuration()})
            .ok());
  }
  ASSERT_TRUE(store->Put("brief", "v", {absl::Nanoseconds(1)}).ok());
  ASSERT_TRUE(ExpiresInTime(*store, "brief"));
  keys.insert(keys.begin() + 40, "brief");

  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  std::vector<std::string> values(keys.size(), "what was there before");
  std::vector<absl::StatusOr<Entry>> results(keys.size());
  ASSERT_TRUE(store->MultiGet(views, absl::MakeSpan(values), absl::MakeSpan(results)).ok());
  std::vector<std::array<char, 64>> memory(keys.size());
  const std::vector<absl::Span<char>> buffers(memory.begin(), memory.end());
  std::vector<absl::StatusOr<Entry>> buffer_results(keys.size());
  ASSERT_TRUE(store->MultiGet(views, buffers, absl::MakeSpan(buffer_results)).ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string value;
    const absl::StatusOr<Entry> one = store->Get(keys[i], &value);
    EXPECT_EQ(results[i].status(), one.status()) << keys[i];
    std::array<char, 64> buffer;
    EXPECT_EQ(buffer_results[i].status(), store->Get(keys[i], absl::MakeSpan(buffer)).status());
    if (!one.ok()) continue;
    EXPECT_EQ(values[i], value) << keys[i];
    EXPECT_EQ(results[i]->value_bytes, one->value_bytes);
    EXPECT_EQ(results[i]->revision, one->revision);
    EXPECT_EQ(results[i]->ttl == absl::InfiniteDuration(), one->ttl == absl::InfiniteDuration());
    if (buffer_results[i].ok()) {
      EXPECT_EQ(std::string(memory[i].data(), value.size()), value);
    }
  }
}

TEST_F(StoreTest, MultiGetTakesAnyNumberOfKeys) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  constexpr size_t kMost = 70;
  std::vector<std::string> keys;
  for (size_t i = 0; i < kMost; ++i) {
    keys.push_back(absl::StrCat("key", i));
    ASSERT_TRUE(store->Put(keys.back(), absl::StrCat("value", i)).ok());
  }
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  for (size_t count = 0; count <= kMost; ++count) {
    std::vector<std::string> values(count);
    std::vector<absl::StatusOr<Entry>> results(count);
    ASSERT_TRUE(store
                    ->MultiGet(absl::MakeSpan(views).subspan(0, count), absl::MakeSpan(values),
                               absl::MakeSpan(results))
                    .ok());
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(results[i].ok()) << i << " of " << count;
      ASSERT_EQ(values[i], absl::StrCat("value", i)) << "of " << count;
    }
  }
}

TEST_F(StoreTest, MultiGetNeedsAsManyOfEach) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const std::vector<absl::string_view> keys = {"a", "b"};
  std::vector<std::string> values(1);
  std::vector<absl::StatusOr<Entry>> results(2);
  const absl::Status status =
      store->MultiGet(keys, absl::MakeSpan(values), absl::MakeSpan(results));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 keys, 1 value and 2 results"));
  EXPECT_TRUE(store->MultiGet({}, absl::Span<std::string>(), {}).ok());
}

TEST_F(StoreTest, MultiPutDoesWhatPutsDo) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--max-value", "64KiB", "--extent-pool", "4MiB"}));
  auto store = Open();
  // More than one lock is taken for: short, in extents, of no bytes, impossible, twice.
  std::vector<std::string> keys = {"twice", "", std::string(70'000, 'k'), "empty", "long", "twice"};
  std::vector<std::string> values = {"1", "v", "v", "", std::string(65537, 'v'), "2"};
  for (int i = 0; i < 100; ++i) {
    keys.push_back(absl::StrCat("key", i));
    values.emplace_back(static_cast<size_t>(i % 5 == 0 ? i * 500 : i), 'v');
  }
  const std::vector<absl::string_view> key_views(keys.begin(), keys.end());
  const std::vector<absl::string_view> value_views(values.begin(), values.end());
  std::vector<absl::StatusOr<uint64_t>> results(keys.size());
  ASSERT_TRUE(store->MultiPut(key_views, value_views, absl::MakeSpan(results)).ok());
  uint64_t last = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(results[i].status(), store->Put(keys[i], values[i]).status()) << keys[i];
    if (!results[i].ok()) continue;
    EXPECT_GT(*results[i], last) << keys[i];
    last = *results[i];
  }
  EXPECT_EQ(store->Stats().entries, keys.size() - 4);
  ASSERT_TRUE(store->MultiPut(key_views, value_views, absl::MakeSpan(results)).ok());
  for (size_t i = 1; i < keys.size(); ++i) {
    if (!results[i].ok()) continue;
    std::string value;
    EXPECT_EQ(store->Get(keys[i], &value)->revision, *results[i]) << keys[i];
    EXPECT_EQ(value, values[i]) << keys[i];
  }
}

TEST_F(StoreTest, MultiPutTakesAnyNumberOfKeys) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  std::vector<std::string> keys;
  for (size_t i = 0; i < 70; ++i) keys.push_back(absl::StrCat("key", i));
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  for (size_t count = 0; count <= keys.size(); ++count) {
    const std::string value = absl::StrCat("value", count);
    const std::vector<absl::string_view> values(count, value);
    std::vector<absl::StatusOr<uint64_t>> results(count);
    const auto some = absl::MakeSpan(views).subspan(0, count);
    ASSERT_TRUE(store->MultiPut(some, values, absl::MakeSpan(results)).ok());
    ASSERT_EQ(store->Stats().entries, count);
    for (size_t i = 0; i < count; ++i) {
      std::string got;
      ASSERT_TRUE(results[i].ok()) << i << " of " << count;
      ASSERT_EQ(store->Get(keys[i], &got)->revision, *results[i]) << i << " of " << count;
      ASSERT_EQ(got, value) << i;
    }
  }
}

TEST_F(StoreTest, MultiPutNeedsAsManyOfEach) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const std::vector<absl::string_view> keys = {"a", "b"};
  std::vector<absl::StatusOr<uint64_t>> results(1);
  const absl::Status status = store->MultiPut(keys, keys, absl::MakeSpan(results));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 keys, 2 values and 1 result"));
  EXPECT_EQ(store->Stats().entries, 0u);
}

TEST_F(StoreTest, MultiPutGivesItsEntriesTheirTime) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const std::vector<absl::string_view> keys = {"a", "b"};
  std::vector<absl::StatusOr<uint64_t>> results(2);
  ASSERT_TRUE(store->MultiPut(keys, keys, absl::MakeSpan(results), {absl::Hours(1)}).ok());
  for (const absl::string_view key : keys) {
    std::string value;
    const absl::Duration ttl = store->Get(key, &value)->ttl;
    EXPECT_GT(ttl, absl::Minutes(59));
    EXPECT_LE(ttl, absl::Hours(1) + absl::Milliseconds(32));
  }
  ASSERT_TRUE(store->MultiPut(keys, keys, absl::MakeSpan(results), {absl::ZeroDuration()}).ok());
  EXPECT_EQ(results[1].status().code(), absl::StatusCode::kInvalidArgument);
}

// Of 96 puts the first 50 are over entries that are there, and one more finds room.
TEST_F(StoreTest, MultiPutSaysWhichFoundTheStoreFull) {
  ASSERT_TRUE(StartDaemon({"--capacity", "51"}));
  auto store = Open();
  std::vector<std::string> keys;
  for (size_t i = 0; i < 96; ++i) keys.push_back(absl::StrCat("key", i));
  for (size_t i = 0; i < 50; ++i) ASSERT_TRUE(store->Put(keys[i], "v").ok());
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  std::vector<absl::StatusOr<uint64_t>> results(keys.size());
  ASSERT_TRUE(store->MultiPut(views, views, absl::MakeSpan(results)).ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i <= 50) {
      EXPECT_TRUE(results[i].ok()) << i << results[i].status();
    } else {
      EXPECT_EQ(results[i].status().code(), absl::StatusCode::kResourceExhausted) << i;
    }
  }
}

TEST_F(StoreTest, MultiPutWithoutTheLockPutsNothing) {
  ASSERT_TRUE(StartDaemon());
  OpenOptions options;
  options.lock_timeout = absl::Milliseconds(50);
  auto store = Open(options);
  auto reader = OpenReadOnly();
  std::vector<std::string> keys;
  for (size_t i = 0; i < 70; ++i) keys.push_back(absl::StrCat("key", i));
  keys[40].clear();
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  const auto expect_all = [&](Store& writer, absl::StatusCode code) {
    std::vector<absl::StatusOr<uint64_t>> results(keys.size());
    ASSERT_TRUE(writer.MultiPut(views, views, absl::MakeSpan(results)).ok());
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(results[i].status().code(),
                keys[i].empty() ? absl::StatusCode::kInvalidArgument : code)
          << i;
    }
  };
  expect_all(*reader, absl::StatusCode::kFailedPrecondition);
  const std::unique_ptr<test::StuckWriter> stuck = test::StuckWriter::Of(this->store());
  ASSERT_NE(stuck, nullptr);
  expect_all(*store, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(store->Stats().entries, 0u);
}

}  // namespace
}  // namespace cubby
