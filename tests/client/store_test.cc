#include "client/store.h"

#include <array>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/table.h"
#include "tests/support/checked_value.h"
#include "tests/support/daemon.h"
#include "tests/support/stuck_writer.h"

namespace cubby {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class StoreTest : public test::DaemonFixture {
 protected:
  std::unique_ptr<Store> Open(const OpenOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store(), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  // Waits until the key is gone, as it must be soon.
  static bool ExpiresInTime(const Store& store, absl::string_view key) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (store.Contains(key).value()) {
      if (absl::Now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::unique_ptr<Store> OpenReadOnly() {
    OpenOptions options;
    options.mode = Mode::kReadOnly;
    return Open(options);
  }
};

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
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 keys, 1 values and 2 results"));
  EXPECT_TRUE(store->MultiGet({}, absl::Span<std::string>(), {}).ok());
}

TEST_F(StoreTest, MultiPutDoesWhatPutsDo) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--max-value", "64KiB", "--extent-pool", "4MiB"}));
  auto store = Open();
  // More than one lock is taken for: short, in extents, of no bytes, impossible, twice.
  std::vector<std::string> keys = {"twice", "", std::string(5000, 'k'), "empty", "long", "twice"};
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
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 keys, 2 values and 1 results"));
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

TEST_F(StoreTest, EntryIsGoneWhenItsTimeHasCome) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  PutOptions soon;
  soon.ttl = absl::Milliseconds(200);
  PutOptions late;
  late.ttl = absl::Hours(1);
  ASSERT_TRUE(store->Put("soon", "1", soon).ok());
  ASSERT_TRUE(store->Put("late", "2", late).ok());
  EXPECT_TRUE(ExpiresInTime(*store, "soon"));
  std::string value;
  const Entry entry = store->Get("late", &value).value();
  EXPECT_GT(entry.ttl, absl::Minutes(50));
  EXPECT_LE(entry.ttl, absl::Hours(1) + absl::Nanoseconds(os::BootStepNanos()));
  PutOptions never;
  never.ttl = absl::ZeroDuration();
  EXPECT_EQ(store->Put("k", "v", never).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, WaitingForTheLockIsNoPartOfAnEntrysLife) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  const std::unique_ptr<test::StuckWriter> slow = test::StuckWriter::Of(this->store());
  ASSERT_NE(slow, nullptr);
  std::thread put([&store] {
    PutOptions options;
    options.ttl = absl::Minutes(1);
    EXPECT_TRUE(store->Put("k", "v", options).ok());
  });
  absl::SleepFor(absl::Seconds(1));
  const uint64_t let_go_ns = os::BootNanos();
  slow->LetGo();
  put.join();
  std::string value;
  const absl::Duration left = store->Get("k", &value)->ttl;
  EXPECT_GT(left + absl::Nanoseconds(os::BootNanos() - let_go_ns), absl::Seconds(59.3));
}

TEST_F(StoreTest, AnExpiryThatNoPutMadeIsSurvived) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  PutOptions options;
  options.ttl = absl::Minutes(1);
  ASSERT_TRUE(store->Put("k", "v", options).ok());
  auto mapping = os::Mapping::Open(this->store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const table::WritableTable table(mapping->data(),
                                   table::ReadGeometry(mapping->data(), mapping->size()).value());
  for (uint64_t bucket = 0; bucket < table.geometry().bucket_count; ++bucket) {
    for (uint32_t way = 0; way < table.geometry().ways; ++way) {
      std::atomic<uint64_t>& expiry = table.mutable_slot(bucket, way).expiry_ns;
      if (expiry.load() != 0) expiry.store(~uint64_t{0});
    }
  }
  std::string value;
  EXPECT_GT(store->Get("k", &value)->ttl, absl::Hours(24 * 365 * 200));
}

TEST_F(StoreTest, ExpiredEntriesMakeRoomInAFullStore) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  auto store = Open();
  PutOptions soon;
  soon.ttl = absl::Nanoseconds(1);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(store->Put(absl::StrCat(round, "/", i), "v", soon).ok()) << i;
    }
    ASSERT_TRUE(ExpiresInTime(*store, absl::StrCat(round, "/99")));
  }
  // In the middle of many, and in their order.
  std::vector<std::string> keys(50);
  for (int i = 0; i < 50; ++i) keys[i] = absl::StrCat("new", i % 49);
  const std::vector<absl::string_view> views(keys.begin(), keys.end());
  std::vector<absl::string_view> values(50, "first");
  values.back() = "last";
  std::vector<absl::StatusOr<uint64_t>> results(50);
  ASSERT_TRUE(store->MultiPut(views, values, absl::MakeSpan(results)).ok());
  for (const absl::StatusOr<uint64_t>& result : results) EXPECT_TRUE(result.ok());
  std::string value;
  ASSERT_TRUE(store->Get("new0", &value).ok());
  EXPECT_EQ(value, "last");
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
  const test::ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

INSTANTIATE_TEST_SUITE_P(Capacities, CapacityTest, ::testing::Values(1000, 100'000, 1'000'000));

TEST_F(StoreTest, LimitsAreNamedByWhatTheyRefuse) {
  ASSERT_TRUE(StartDaemon({"--max-value", "1000"}));
  auto store = Open();
  const Geometry& geometry = store->geometry();
  EXPECT_EQ(geometry.max_value_bytes, 1000u);
  EXPECT_TRUE(store->Put(std::string(geometry.max_key_bytes, 'k'), std::string(1000, 'v')).ok());
  const absl::Status key = store->Put(std::string(geometry.max_key_bytes + 1, 'k'), "").status();
  EXPECT_EQ(key.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(key.message()), HasSubstr(absl::StrCat(geometry.max_key_bytes)));
  const absl::Status value = store->Put("k", std::string(1001, 'v')).status();
  EXPECT_EQ(value.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(value.message()), HasSubstr("limit is 1000"));
  EXPECT_EQ(store->Put("", "v").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, OpeningWhatIsNotThereSaysSo) {
  const absl::Status missing = Store::Open("no-such-store").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("cubbyd --store no-such-store"));
  EXPECT_EQ(Store::Open("Not A Name").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, ShutDownStoreSaysSoInsteadOfServingOldData) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("k", "v").ok());
  EXPECT_EQ(StopDaemon().exit_code, 0);
  std::string value;
  EXPECT_EQ(store->Get("k", &value).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->Put("k", "v").status().code(), absl::StatusCode::kFailedPrecondition);
  const absl::string_view key = "k";
  absl::StatusOr<Entry> result;
  ASSERT_TRUE(
      store->MultiGet({&key, 1}, absl::MakeSpan(&value, 1), absl::MakeSpan(&result, 1)).ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, StateThatIsNoneIsDamage) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto mapping = os::Mapping::Open(this->store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  auto& state = reinterpret_cast<table::FixedPart*>(mapping->data())->state.state;
  const uint64_t serving = state;
  std::string value;
  for (const uint64_t none : {uint64_t{0}, uint64_t{6}, ~uint64_t{0}}) {
    state = none;
    EXPECT_EQ(store->Get("k", &value).status().code(), absl::StatusCode::kDataLoss) << none;
    EXPECT_EQ(store->Put("k", "v").status().code(), absl::StatusCode::kDataLoss) << none;
  }
  state = serving;
  EXPECT_TRUE(store->Put("k", "v").ok());
}

// Also while somebody still has it open, which on Windows keeps its name.
TEST_F(StoreTest, ShutDownStoreIsThereForNobodyNew) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  EXPECT_EQ(StopDaemon().exit_code, 0);
  EXPECT_EQ(Store::Open(this->store()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(StoreTest, DeadDaemonStopsNobody) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("k", "v").ok());
  KillDaemon();
  EXPECT_TRUE(store->Put("l", "w").ok());
  auto another = Open();
  std::string value;
  ASSERT_TRUE(another->Get("k", &value).ok());
  EXPECT_EQ(value, "v");
  ASSERT_TRUE(StartDaemon());
  ASSERT_TRUE(Open()->Get("l", &value).ok());
  EXPECT_EQ(value, "w");
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
