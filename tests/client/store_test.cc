#include "client/store.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/table.h"
#include "tests/client/store_fixture.h"
#include "tests/support/checked_value.h"
#include "tests/support/subprocess.h"

namespace cubby {
namespace {

using test::StoreTest;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST_F(StoreTest, GetReturnsWhatWasPut) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const uint64_t revision = store->Put("k", "value").value();
  std::string value;
  const Entry entry = store->Get("k", &value).value();
  EXPECT_EQ(value, "value");
  EXPECT_EQ(entry.value_bytes, 5u);
  EXPECT_EQ(entry.revision, revision);
  EXPECT_EQ(entry.ttl, absl::InfiniteDuration());
}

TEST_F(StoreTest, GetIntoABufferTellsTheSizeItNeeds) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("k", "12345").ok());
  char buffer[5];
  EXPECT_EQ(store->Get("k", absl::MakeSpan(buffer))->value_bytes, 5u);
  EXPECT_EQ(std::string(buffer, 5), "12345");
  const absl::Status small = store->Get("k", absl::MakeSpan(buffer, 4)).status();
  EXPECT_EQ(small.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(small.message()), HasSubstr("5 bytes"));
}

TEST_F(StoreTest, PrefaultedStoresWorkAsOthersDo) {
  ASSERT_TRUE(StartDaemon());
  OpenOptions options;
  options.prefault = true;
  const absl::StatusOr<std::unique_ptr<Store>> writer = Store::Open(store(), options);
  options.mode = Mode::kReadOnly;
  const absl::StatusOr<std::unique_ptr<Store>> reader = Store::Open(store(), options);
  if (absl::IsUnimplemented(writer.status())) GTEST_SKIP() << writer.status();
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE((*writer)->Put("k", "value").ok());
  std::string value;
  ASSERT_TRUE((*reader)->Get("k", &value).ok());
  EXPECT_EQ(value, "value");
}

TEST_F(StoreTest, MissingKeyIsNotFoundWithoutAMessage) {
  ASSERT_TRUE(StartDaemon());
  std::string value;
  EXPECT_EQ(Open()->Get("k", &value).status(), absl::Status(absl::StatusCode::kNotFound, ""));
  EXPECT_FALSE(Open()->Contains("k").value());
}

TEST_F(StoreTest, WhatOneHandlePutsAnotherReads) {
  ASSERT_TRUE(StartDaemon());
  auto writer = Open();
  auto reader = OpenReadOnly();
  for (size_t size : {0, 1, 87, 88, 89, 1000, 1024, 1025, 100'000, 1 << 20}) {
    const std::string value(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(writer->Put("k", value).ok()) << size;
    std::string read;
    ASSERT_TRUE(reader->Get("k", &read).ok()) << size;
    EXPECT_EQ(read, value);
  }
}

TEST_F(StoreTest, ReadOnlyHandleRefusesToWrite) {
  ASSERT_TRUE(StartDaemon());
  auto store = OpenReadOnly();
  const absl::Status status = store->Put("k", "v").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
  EXPECT_EQ(store->Delete("k").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, AddReplaceAndDeleteKeepTheirConditions) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  EXPECT_EQ(store->Replace("k", "1").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->Add("k", "2").ok());
  EXPECT_EQ(store->Add("k", "3").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(store->Replace("k", "4").ok());
  std::string value;
  ASSERT_TRUE(store->Get("k", &value).ok());
  EXPECT_EQ(value, "4");
  EXPECT_TRUE(store->Delete("k").ok());
  EXPECT_EQ(store->Delete("k").code(), absl::StatusCode::kNotFound);
}

TEST_F(StoreTest, ForEachSeesEveryEntryOnce) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("a", "1").ok());
  ASSERT_TRUE(store->Put("b", std::string(5000, 'x')).ok());
  ASSERT_TRUE(store->Put("c", "").ok());
  std::vector<std::string> seen;
  ASSERT_TRUE(
      OpenReadOnly()
          ->ForEach([&](absl::string_view key, absl::string_view value, const Entry& entry) {
            EXPECT_EQ(value.size(), entry.value_bytes);
            seen.push_back(absl::StrCat(key, "=", value.size()));
            return true;
          })
          .ok());
  EXPECT_THAT(seen, UnorderedElementsAre("a=1", "b=5000", "c=0"));
}

TEST_F(StoreTest, ForEachStopsWhenTold) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->Put(absl::StrCat(i), "v").ok());
  int seen = 0;
  ASSERT_TRUE(store->ForEach([&](auto...) { return ++seen < 7; }).ok());
  EXPECT_EQ(seen, 7);
}

TEST_F(StoreTest, ForEachVisitsAPrefixAndNoValuesIfTold) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const std::string long_key = absl::StrCat("user:", std::string(500, 'k'));
  for (const char* key : {"use", "user:1", "other"}) ASSERT_TRUE(store->Put(key, "v").ok());
  ASSERT_TRUE(store->Put(long_key, std::string(5000, 'x')).ok());
  ForEachOptions options;
  options.prefix = "user:";
  std::vector<std::string> seen;
  const auto visit = [&](absl::string_view key, absl::string_view value, const Entry& entry) {
    seen.push_back(absl::StrCat(key, "=", value.size(), " of ", entry.value_bytes));
    return true;
  };
  ASSERT_TRUE(store->ForEach(visit, options).ok());
  EXPECT_THAT(seen, UnorderedElementsAre("user:1=1 of 1", long_key + "=5000 of 5000"));
  seen.clear();
  options.values = false;
  ASSERT_TRUE(store->ForEach(visit, options).ok());
  EXPECT_THAT(seen, UnorderedElementsAre("user:1=0 of 1", long_key + "=0 of 5000"));
}

TEST_F(StoreTest, ForEachTellsItsProgressAndMayDelete) {
  ASSERT_TRUE(StartDaemon({"--capacity", "20000"}));
  auto store = Open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store->Put(absl::StrCat(i), "v").ok());
  std::vector<double> shares;
  ForEachOptions options;
  options.progress = [&shares](double share) { shares.push_back(share); };
  const auto visit = [&](absl::string_view key, absl::string_view, const Entry&) {
    EXPECT_TRUE(store->Delete(key).ok());
    return true;
  };
  ASSERT_TRUE(store->ForEach(visit, options).ok());
  EXPECT_EQ(store->Stats().entries, 0u);
  ASSERT_GT(shares.size(), 1u);
  EXPECT_EQ(shares.front(), 0);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_LT(shares.back(), 1);
}

TEST_F(StoreTest, ForEachVisitsWhatIsNotDamagedAndThenReportsTheDamage) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->Put(absl::StrCat(i), "v").ok());
  auto mapping = os::Mapping::Open(this->store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const table::WritableTable table(mapping->data(),
                                   table::ReadGeometry(mapping->data(), mapping->size()).value());
  uint64_t bucket = 0;
  while (table::LiveWays(table.head(bucket).word0) == 0) ++bucket;
  const int way = __builtin_ctz(table::LiveWays(table.head(bucket).word0));
  table.mutable_slot(bucket, static_cast<uint32_t>(way)).sequence.fetch_or(1);
  int seen = 0;
  EXPECT_TRUE(absl::IsDataLoss(store->ForEach([&](auto...) { return ++seen != 0; })));
  EXPECT_EQ(seen, 49);
  const test::ExitResult scan = Cubby({"scan"});
  EXPECT_EQ(scan.exit_code, 8);
  EXPECT_EQ(std::count(scan.out.begin(), scan.out.end(), '\n'), 49);
  EXPECT_THAT(scan.err, HasSubstr("has a damaged entry"));
}

class CapacityTest : public StoreTest, public ::testing::WithParamInterface<int> {};

TEST_P(CapacityTest, TakesExactlyAsManyRandomKeysAsItWasMadeFor) {
  ASSERT_TRUE(StartDaemon(
      {"--capacity", absl::StrCat(GetParam()), "--slot-bytes", "64", "--max-value", "8"}));
  auto store = Open();
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random(seed);
  std::vector<uint64_t> keys;
  const auto text = [](const uint64_t& key) {
    return absl::string_view(reinterpret_cast<const char*>(&key), sizeof(key));
  };
  for (int i = 0; i < GetParam(); ++i) {
    keys.push_back(random());
    ASSERT_TRUE(store->Add(text(keys.back()), text(keys.back())).ok()) << i << ", seed " << seed;
  }
  const absl::Status full = store->Put("one more", "v").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr(absl::StrCat(GetParam(), " entries")));
  char value[8];
  for (const uint64_t& key : keys) {
    ASSERT_TRUE(store->Get(text(key), absl::MakeSpan(value)).ok());
    ASSERT_EQ(absl::string_view(value, 8), text(key));
  }
  ExpectSound();
}

INSTANTIATE_TEST_SUITE_P(Capacities, CapacityTest, ::testing::Values(1000, 100'000, 1'000'000));

TEST_F(StoreTest, LimitsAreNamedByWhatTheyRefuse) {
  ASSERT_TRUE(StartDaemon({"--max-value", "1000"}));
  auto store = Open();
  const Limits limits = store->limits();
  EXPECT_EQ(limits.max_value_bytes, 1000u);
  EXPECT_TRUE(store->Put(std::string(limits.max_key_bytes, 'k'), std::string(1000, 'v')).ok());
  const absl::Status key = store->Put(std::string(limits.max_key_bytes + 1, 'k'), "").status();
  EXPECT_EQ(key.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(key.message()), HasSubstr(absl::StrCat(limits.max_key_bytes)));
  const absl::Status value = store->Put("k", std::string(1001, 'v')).status();
  EXPECT_EQ(value.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(value.message()), HasSubstr("limit is 1000"));
  EXPECT_EQ(store->Put("", "v").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, LongKeysWorkInEveryCall) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--extent-pool", "16MiB"}));
  auto store = Open();
  EXPECT_EQ(store->limits().max_key_bytes, 65'535u);
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (const size_t bytes : {96, 97, 104, 105, 150, 1024, 1025, 4096, 65'535}) {
    keys.emplace_back(bytes, 'k');
    values.push_back(test::CheckedValue(keys.back(), 1, 300));
  }
  const std::vector<absl::string_view> key_views(keys.begin(), keys.end());
  const std::vector<absl::string_view> value_views(values.begin(), values.end());
  std::vector<absl::StatusOr<uint64_t>> puts(keys.size());
  ASSERT_TRUE(store->MultiPut(key_views, value_views, absl::MakeSpan(puts)).ok());
  std::vector<std::string> read(keys.size());
  std::vector<absl::StatusOr<Entry>> gets(keys.size());
  ASSERT_TRUE(store->MultiGet(key_views, absl::MakeSpan(read), absl::MakeSpan(gets)).ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(puts[i].ok()) << puts[i].status();
    ASSERT_TRUE(gets[i].ok()) << gets[i].status();
    EXPECT_EQ(gets[i]->revision, *puts[i]);
    EXPECT_EQ(read[i], values[i]);
    EXPECT_TRUE(*store->Contains(keys[i]));
    EXPECT_TRUE(absl::IsAlreadyExists(store->Add(keys[i], "v").status()));
    EXPECT_FALSE(*store->Contains(keys[i] + '\0')) << keys[i].size();
  }
  std::map<std::string, std::string> seen;
  ASSERT_TRUE(store
                  ->ForEach([&seen](absl::string_view key, absl::string_view value, const Entry&) {
                    seen[std::string(key)] = std::string(value);
                    return true;
                  })
                  .ok());
  EXPECT_EQ(seen.size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(seen[keys[i]], values[i]);
  for (const std::string& key : keys) EXPECT_TRUE(store->Delete(key).ok());
  EXPECT_EQ(store->Stats().entries, 0u);
  ExpectSound();
}

TEST_F(StoreTest, ManyThreadsShareOneHandle) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      std::string value;
      for (int i = 0; i < 2000; ++i) {
        const std::string key = absl::StrCat("key", (i * 7 + t) % 50);
        ASSERT_TRUE(store->Put(key, test::CheckedValue(key, i, 300)).ok());
        ASSERT_TRUE(store->Get(key, &value).ok());
        ASSERT_TRUE(test::IsCheckedValue(key, value));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store->Stats().puts, 8000u);
}

}  // namespace
}  // namespace cubby
