// GetOrCompute(): of many that miss a key one computes its value.
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "tests/client/store_fixture.h"
#include "tests/support/child.h"

namespace cubby {
namespace {

using test::StoreTest;
using Source = Computed::Source;

// Far longer than any test.
constexpr absl::Duration kLong = absl::Hours(1);

ComputeOptions Patient() {
  ComputeOptions options;
  options.lease = kLong;
  options.wait = kLong;
  return options;
}

absl::StatusOr<std::string> New() { return std::string("new"); }
absl::StatusOr<std::string> Never() {
  ADD_FAILURE() << "computed";
  return std::string("?");
}

// Makes a lease in a thread of its own, and computes "slow" only when it is let go.
class SlowComputer {
 public:
  SlowComputer(Store* store, std::string key, ComputeOptions options)
      : thread_([this, store, key = std::move(key), options] {
          std::string value;
          absl::StatusOr<Computed> computed = store->GetOrCompute(
              key, options,
              [this]() -> absl::StatusOr<std::string> {
                computes_.set_value();
                let_go_.get_future().wait();
                return std::string("slow");
              },
              &value);
          EXPECT_TRUE(computed.ok()) << computed.status();
          EXPECT_EQ(value, "slow");
          if (computed.ok()) stored_ = computed->stored;
        }) {
    computes_.get_future().wait();
  }
  ~SlowComputer() {
    if (thread_.joinable()) (void)Finish();
  }
  // Lets it go and returns Computed::stored.
  absl::Status Finish() {
    let_go_.set_value();
    thread_.join();
    return stored_;
  }

 private:
  std::promise<void> computes_;
  std::promise<void> let_go_;
  absl::Status stored_;
  std::thread thread_;
};

TEST_F(StoreTest, ComputesWhatIsMissingAndPutsIt) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ComputeOptions options = Patient();
  options.ttl = kLong;
  std::string value;
  absl::StatusOr<Computed> computed = store->GetOrCompute("k", options, New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(computed->source, Source::kComputed);
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
  EXPECT_EQ(value, "new");
  const Entry entry = store->Get("k", &value).value();
  EXPECT_EQ(computed->entry.revision, entry.revision);
  EXPECT_EQ(computed->entry.expiry_ns, entry.expiry_ns);
  EXPECT_LE(entry.ttl, kLong + absl::Seconds(1));
  EXPECT_GT(entry.ttl, absl::Minutes(50));

  value = "?";
  computed = store->GetOrCompute("k", options, Never, &value);
  EXPECT_EQ(computed->source, Source::kFound);
  EXPECT_EQ(computed->entry.revision, entry.revision);
  EXPECT_EQ(value, "new");
}

TEST_F(StoreTest, BadOptionsAndKeysAreRefused) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  std::string value;
  const auto code_of = [&](absl::string_view key, const ComputeOptions& options) {
    return store->GetOrCompute(key, options, Never, &value).status().code();
  };
  EXPECT_EQ(code_of("", Patient()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_of(std::string(70'000, 'k'), Patient()), absl::StatusCode::kOutOfRange);
  ComputeOptions options = Patient();
  options.ttl = absl::ZeroDuration();
  EXPECT_EQ(code_of("k", options), absl::StatusCode::kInvalidArgument);
  options = Patient();
  options.lease = absl::ZeroDuration();
  EXPECT_EQ(code_of("k", options), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, OfManyThatMissOneComputes) {
  ASSERT_TRUE(StartDaemon());
  constexpr int kThreads = 8;
  std::atomic<int> computed{0};
  std::atomic<int> stored{0};
  // Each with a seat of its own, as other processes have; two threads share one.
  std::vector<std::unique_ptr<Store>> stores;
  stores.reserve(kThreads / 2);
  for (int i = 0; i < kThreads / 2; ++i) stores.push_back(Open());
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int key = 0; key < 50; ++key) {
        std::string value;
        absl::StatusOr<Computed> result = stores[i / 2]->GetOrCompute(
            absl::StrCat("k", key), Patient(),
            [&]() -> absl::StatusOr<std::string> {
              ++computed;
              std::this_thread::yield();
              return absl::StrCat("v", key);
            },
            &value);
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(value, absl::StrCat("v", key));
        if (result->source == Source::kComputed && result->stored.ok()) ++stored;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(computed, 50);
  EXPECT_EQ(stored, 50);
}

TEST_F(StoreTest, AKeyUnderLeaseIsAbsentForAllOtherCalls) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  SlowComputer slow(store.get(), "k", Patient());
  std::string value;
  EXPECT_TRUE(absl::IsNotFound(other->Get("k", &value).status()));
  EXPECT_TRUE(absl::IsNotFound(other->GetMetadata("k").status()));
  EXPECT_FALSE(other->Contains("k").value());
  char buffer[1];
  EXPECT_TRUE(absl::IsNotFound(other->Get("k", absl::MakeSpan(buffer)).status()))
      << "also where the lease's bytes do not fit";
  const absl::string_view keys[] = {"k"};
  std::string values[1];
  absl::StatusOr<Entry> results[1];
  ASSERT_TRUE(other->MultiGet(keys, absl::MakeSpan(values), absl::MakeSpan(results)).ok());
  EXPECT_TRUE(absl::IsNotFound(results[0].status()));
  EXPECT_TRUE(other
                  ->ForEach([](absl::string_view key, absl::string_view, const Entry&) {
                    ADD_FAILURE() << key;
                    return true;
                  })
                  .ok());
  EXPECT_TRUE(absl::IsNotFound(other->Replace("k", "v").status()));
  EXPECT_TRUE(absl::IsNotFound(other->Touch("k", kLong).status()));
  EXPECT_TRUE(slow.Finish().ok());
  EXPECT_TRUE(other->Get("k", &value).ok());
  EXPECT_EQ(value, "slow");
}

TEST_F(StoreTest, AWriteInBetweenVoidsTheLease) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  std::string value;
  {
    SlowComputer slow(store.get(), "put", Patient());
    ASSERT_TRUE(other->Put("put", "newer").ok());
    EXPECT_TRUE(absl::IsAborted(slow.Finish()));
    EXPECT_TRUE(other->Get("put", &value).ok());
    EXPECT_EQ(value, "newer");
  }
  {
    SlowComputer slow(store.get(), "deleted", Patient());
    EXPECT_TRUE(absl::IsNotFound(other->Delete("deleted")));
    EXPECT_TRUE(absl::IsAborted(slow.Finish()));
    EXPECT_FALSE(other->Contains("deleted").value());
  }
}

TEST_F(StoreTest, ASlowOneIsOvertakenAtItsBound) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  ComputeOptions brief = Patient();
  brief.lease = absl::Nanoseconds(1);
  SlowComputer slow(store.get(), "k", brief);
  std::string value;
  absl::StatusOr<Computed> computed = other->GetOrCompute("k", Patient(), New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
  EXPECT_EQ(value, "new");
  EXPECT_TRUE(absl::IsAborted(slow.Finish())) << "its lease is void";
  EXPECT_TRUE(other->Get("k", &value).ok());
  EXPECT_EQ(value, "new");
}

TEST_F(StoreTest, AWaiterTakesOverWhenItsOwnLeaseIsOver) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  SlowComputer slow(store.get(), "k", Patient());
  ComputeOptions brief = Patient();
  brief.lease = absl::Milliseconds(1);
  std::string value;
  absl::StatusOr<Computed> computed = other->GetOrCompute("k", brief, New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
  EXPECT_EQ(value, "new");
  EXPECT_TRUE(absl::IsAborted(slow.Finish()));
}

TEST_F(StoreTest, AWaiterSeesThatTheLeaseWasDeleted) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  SlowComputer slow(store.get(), "k", Patient());
  std::thread waiter([&] {
    std::string value;
    absl::StatusOr<Computed> computed = other->GetOrCompute("k", Patient(), New, &value);
    EXPECT_TRUE(computed.ok()) << computed.status();
    EXPECT_EQ(value, "new");
  });
  EXPECT_TRUE(absl::IsNotFound(store->Delete("k")));
  waiter.join();  // though the first one computes on
  EXPECT_TRUE(absl::IsAborted(slow.Finish()));
}

TEST_F(StoreTest, AFullStoreOfExpiredEntriesHasRoomForAValue) {
  ASSERT_TRUE(StartDaemon({"--capacity", "10"}));
  auto store = Open();
  KillDaemon();  // it would remove them itself
  PutOptions soon;
  soon.ttl = absl::Nanoseconds(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store->Put(absl::StrCat("old", i), "v", soon).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(ExpiresInTime(*store, absl::StrCat("old", i)));
  std::string value;
  absl::StatusOr<Computed> computed = store->GetOrCompute("k", Patient(), New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
}

TEST_F(StoreTest, TheWaitHasABound) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  SlowComputer slow(store.get(), "k", Patient());
  ComputeOptions options = Patient();
  std::string value;
  for (const absl::Duration wait : {absl::ZeroDuration(), absl::Milliseconds(30)}) {
    options.wait = wait;
    EXPECT_TRUE(
        absl::IsDeadlineExceeded(other->GetOrCompute("k", options, Never, &value).status()));
  }
  EXPECT_TRUE(slow.Finish().ok());
}

TEST_F(StoreTest, AFailureIsReturnedAndTheNextOneComputes) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  std::string value;
  std::thread next;
  const absl::Status failure =
      store
          ->GetOrCompute(
              "k", Patient(),
              [&]() -> absl::StatusOr<std::string> {
                std::promise<void> began;
                const std::future<void> begun = began.get_future();
                next = std::thread([&other, began = std::move(began)]() mutable {
                  began.set_value();
                  std::string value;
                  absl::StatusOr<Computed> computed =
                      other->GetOrCompute("k", Patient(), New, &value);
                  EXPECT_TRUE(computed.ok() && computed->stored.ok()) << computed.status();
                });
                begun.wait();
                return absl::InternalError("no such page");
              },
              &value)
          .status();
  EXPECT_EQ(failure.message(), "no such page");
  next.join();
  EXPECT_TRUE(other->Get("k", &value).ok());
  EXPECT_EQ(value, "new");
}

class StaleValueTest : public StoreTest {
 protected:
  // Puts an entry that has expired, and is kept for long.
  static void PutStale(Store* store, absl::string_view key, absl::string_view value) {
    PutOptions soon;
    soon.ttl = absl::Nanoseconds(1);
    soon.stale = kLong;
    ASSERT_TRUE(store->Put(key, value, soon).ok());
    ASSERT_TRUE(ExpiresInTime(*store, key));
  }
};

TEST_F(StaleValueTest, AStaleValueIsServedWhileOneComputes) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  ASSERT_NO_FATAL_FAILURE(PutStale(store.get(), "k", "old"));

  ComputeOptions options = Patient();
  options.stale = kLong;
  std::string value;
  SlowComputer slow(store.get(), "k", options);
  absl::StatusOr<Computed> computed = other->GetOrCompute("k", options, Never, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(computed->source, Source::kStale);
  EXPECT_EQ(computed->entry.value_bytes, 3u);
  EXPECT_EQ(computed->entry.ttl, absl::ZeroDuration());
  EXPECT_EQ(value, "old");
  EXPECT_FALSE(other->Contains("k").value()) << "for all others it is gone";

  ComputeOptions fresh = Patient();
  fresh.wait = absl::ZeroDuration();
  EXPECT_TRUE(absl::IsDeadlineExceeded(other->GetOrCompute("k", fresh, Never, &value).status()))
      << "takes no stale value";
  fresh.stale = absl::Nanoseconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(other->GetOrCompute("k", fresh, Never, &value).status()))
      << "not one as stale as this";

  EXPECT_TRUE(slow.Finish().ok());
  computed = other->GetOrCompute("k", options, Never, &value);
  EXPECT_EQ(computed->source, Source::kFound);
  EXPECT_EQ(value, "slow");
}

TEST_F(StaleValueTest, AFailureLeavesTheStaleValue) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_NO_FATAL_FAILURE(PutStale(store.get(), "k", "old"));
  ComputeOptions options = Patient();
  options.stale = kLong;
  std::string value;
  EXPECT_EQ(store
                ->GetOrCompute(
                    "k", options, [] { return absl::InternalError("no"); }, &value)
                .status()
                .code(),
            absl::StatusCode::kInternal);
  auto other = Open();
  SlowComputer slow(store.get(), "k", options);
  EXPECT_EQ(other->GetOrCompute("k", options, Never, &value)->source, Source::kStale);
  EXPECT_EQ(value, "old");
}

TEST_F(StoreTest, WhereNoLeaseCanBeEachComputesForItself) {
  ASSERT_TRUE(StartDaemon({"--capacity", "2"}));
  auto reader = OpenReadOnly();
  std::string value;
  absl::StatusOr<Computed> computed = reader->GetOrCompute("k", Patient(), New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(value, "new");
  EXPECT_EQ(computed->source, Source::kComputed);
  EXPECT_TRUE(absl::IsFailedPrecondition(computed->stored));

  auto store = Open();
  ASSERT_TRUE(store->Put("a", "1").ok());
  ASSERT_TRUE(store->Put("b", "2").ok());
  value.clear();
  computed = store->GetOrCompute("k", Patient(), New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(value, "new");
  EXPECT_TRUE(absl::IsResourceExhausted(computed->stored)) << computed->stored;
}

TEST_F(StoreTest, AValueThatIsTooLongIsReturnedAndItsLeaseEnds) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64"}));
  auto store = Open();
  std::string value;
  absl::StatusOr<Computed> computed = store->GetOrCompute(
      "k", Patient(), [] { return std::string(65, 'v'); }, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(value.size(), 65u);
  EXPECT_EQ(computed->stored.code(), absl::StatusCode::kOutOfRange);
  computed = store->GetOrCompute("k", Patient(), New, &value);
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
}

// args: store. Takes the lease of "k" and holds it until it is killed.
CUBBY_CHILD(HoldsLease) {
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0]);
  if (!store.ok()) return 2;
  std::string value;
  (void)(*store)->GetOrCompute(
      "k", Patient(),
      []() -> absl::StatusOr<std::string> {
        test::ReportReady();
        test::WaitForInputEnd();
        return std::string("?");
      },
      &value);
  return 0;
}

TEST_F(StoreTest, TheLeaseOfAKilledProcessIsTakenOver) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto holder = StartUser("HoldsLease");
  ASSERT_NE(holder, nullptr);
  ASSERT_TRUE(test::WaitUntilReady(*holder).ok());
  ComputeOptions impatient = Patient();
  impatient.wait = absl::ZeroDuration();
  std::string value;
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(store->GetOrCompute("k", impatient, Never, &value).status()));
  std::thread waiter([&] {
    // One of those who wait asleep, too: they notice it within milliseconds.
    std::string value;
    absl::StatusOr<Computed> computed = store->GetOrCompute("k", Patient(), New, &value);
    EXPECT_TRUE(computed.ok()) << computed.status();
    EXPECT_EQ(value, "new");
  });
  holder->Kill();
  waiter.join();
  EXPECT_TRUE(store->Get("k", &value).ok());
}

TEST_F(StaleValueTest, TheLeaseOfAKilledProcessIsTakenOverThoughAStaleValueIsThere) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_NO_FATAL_FAILURE(PutStale(store.get(), "k", "old"));
  auto holder = StartUser("HoldsLease");
  ASSERT_NE(holder, nullptr);
  ASSERT_TRUE(test::WaitUntilReady(*holder).ok());
  ComputeOptions options = Patient();
  options.stale = kLong;
  std::string value;
  EXPECT_EQ(store->GetOrCompute("k", options, Never, &value)->source, Source::kStale);
  holder->Kill();
  (void)holder->Wait(absl::Seconds(60));
  options.wait = absl::ZeroDuration();
  absl::StatusOr<Computed> computed = store->GetOrCompute("k", options, New, &value);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(computed->source, Source::kComputed);
  EXPECT_TRUE(computed->stored.ok()) << computed->stored;
}

}  // namespace
}  // namespace cubby
