// Entries that live for a time.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/layout.h"
#include "table/sweep.h"
#include "table/table.h"
#include "tests/client/store_fixture.h"
#include "tests/support/stuck_writer.h"

namespace cubby {
namespace {

using test::StoreTest;

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

TEST_F(StoreTest, ExpiryCanBeGivenAsAMoment) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  std::string value;
  const auto put = [&store](absl::string_view key, absl::Time expires) {
    PutOptions options;
    options.ttl = absl::Nanoseconds(1);  // without effect
    options.expires = expires;
    EXPECT_TRUE(store->Put(key, "v", options).ok());
  };
  const absl::Time soon = absl::Now() + absl::Hours(1);
  put("soon", soon);
  const Entry entry = *store->Get("soon", &value);
  // To the step of Windows' clocks.
  EXPECT_LT(absl::AbsDuration(entry.expires() - soon), absl::Milliseconds(100));
  EXPECT_LT(absl::AbsDuration(entry.ttl - absl::Hours(1)), absl::Minutes(10));
  put("past", absl::UnixEpoch() + absl::Hours(1));
  EXPECT_TRUE(absl::IsNotFound(store->Get("past", &value).status()));
  for (const absl::Time never :
       {absl::InfiniteFuture(), absl::UnixEpoch() + absl::Hours(24 * 365 * 1000)}) {
    put("never", never);
    EXPECT_EQ(store->Get("never", &value)->expires(), absl::InfiniteFuture());
  }
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
  EXPECT_GT(store->Get("k", &value)->expires(), absl::Now() + absl::Hours(24 * 365 * 200));
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

class FullStoreTest : public StoreTest {
 protected:
  static constexpr int kEntries = 20'000;

  // Fills a store without a daemon, which would remove expired entries itself. Entry "0" is the
  // first, so it lives in its home.
  void Fill(absl::Duration ttl_of_0, absl::Duration ttl_of_others) {
    ASSERT_TRUE(StartDaemon({"--capacity", absl::StrCat(kEntries)}));
    filler_ = Open();
    KillDaemon();
    PutOptions options;
    for (int i = 0; i < kEntries; ++i) {
      options.ttl = i == 0 ? ttl_of_0 : ttl_of_others;
      ASSERT_TRUE(filler_->Put(absl::StrCat(i), "v", options).ok()) << i;
    }
    ASSERT_TRUE(ExpiresInTime(*filler_, "0"));
  }
  // Makes a sweep visit all groups of buckets.
  void SuspectEveryGroup() const {
    auto mapping = os::Mapping::Open(this->store(), os::Access::kReadWrite);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    const table::WritableTable table(mapping->data(),
                                     table::ReadGeometry(mapping->data(), mapping->size()).value());
    for (uint64_t group = 0; group < table::ExpiryGroups(table.geometry()); ++group) {
      table.mutable_group_expiry(group).next_expiry.store(1);
    }
  }
  // Returns a new key whose home is `least` to `most` buckets after that of "0".
  std::string KeyAfter0(uint64_t least, uint64_t most) const {
    auto mapping = os::Mapping::Open(this->store(), os::Access::kReadOnly);
    const table::Geometry geometry = table::ReadGeometry(mapping->data(), mapping->size()).value();
    const auto home = [&geometry](const std::string& key) {
      return table::HomeBucket(table::HashKey(key, geometry.hash_seed), geometry.bucket_count);
    };
    for (int i = kEntries;; ++i) {
      std::string key = absl::StrCat(i);
      const uint64_t distance =
          (home(key) + geometry.bucket_count - home("0")) % geometry.bucket_count;
      if (distance >= least && distance <= most) return key;
    }
  }
  std::unique_ptr<Store> OpenImpatient() {
    OpenOptions options;
    options.lock_timeout = absl::ZeroDuration();
    return Open(options);
  }

 private:
  std::unique_ptr<Store> filler_;  // on Windows a mapping lasts while a process has it open
};

TEST_F(FullStoreTest, APutRemovesNoMoreExpiredEntriesThanItNeeds) {
  ASSERT_NO_FATAL_FAILURE(Fill(absl::Nanoseconds(1), absl::Nanoseconds(1)));
  auto store = Open();
  ASSERT_TRUE(ExpiresInTime(*store, absl::StrCat(kEntries - 1)));
  ASSERT_TRUE(store->Put("new", "v").ok());
  EXPECT_LE(store->Stats().expired, table::kRemovedPerStep + uint64_t{4} * table::kMaxWays);
}

TEST_F(FullStoreTest, APutLooksForExpiredEntriesNoLongerThanItsTimeout) {
  ASSERT_NO_FATAL_FAILURE(Fill(absl::Nanoseconds(1), absl::InfiniteDuration()));
  ASSERT_NO_FATAL_FAILURE(SuspectEveryGroup());
  const std::string far = KeyAfter0(2 * table::kBucketsPerExpiry, 3 * table::kBucketsPerExpiry);
  auto impatient = OpenImpatient();
  EXPECT_EQ(impatient->Put(far, "v").status().code(), absl::StatusCode::kResourceExhausted);
  std::vector<absl::StatusOr<uint64_t>> results(2);
  ASSERT_TRUE(impatient->MultiPut({far, far}, {"v", "v"}, absl::MakeSpan(results)).ok());
  for (const absl::StatusOr<uint64_t>& result : results) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(impatient->Stats().expired, 0u);
  EXPECT_TRUE(impatient->Put(KeyAfter0(0, 0), "v").ok());
}

TEST_F(FullStoreTest, APutLooksEverywhereIfItHasTheTime) {
  ASSERT_NO_FATAL_FAILURE(Fill(absl::Nanoseconds(1), absl::InfiniteDuration()));
  auto store = Open();
  EXPECT_TRUE(store->Put(KeyAfter0(1, 100), "v").ok());
  EXPECT_EQ(store->Stats().expired, 1u);
}

}  // namespace
}  // namespace cubby
