// Calls that read an entry and change it in one step.
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "tests/client/store_fixture.h"

namespace cubby {
namespace {

using test::StoreTest;
using ::testing::HasSubstr;

// At least an hour less a minute, at most an hour.
bool IsAboutAnHour(absl::Duration ttl) {
  return ttl > absl::Minutes(59) && ttl <= absl::Hours(1) + absl::Nanoseconds(os::BootStepNanos());
}

int64_t Number(absl::string_view text) {
  int64_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << text;
  return number;
}

class StoreUpdateTest : public StoreTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
    store_ = Open();
    ASSERT_NE(store_, nullptr);
  }
  std::string Value(absl::string_view key) {
    std::string value;
    const absl::Status status = store_->Get(key, &value).status();
    return status.ok() ? value : status.ToString();
  }
  // An entry with an hour to live.
  uint64_t PutForAnHour(absl::string_view key, absl::string_view value) {
    return store_->Put(key, value, {absl::Hours(1)}).value();
  }
  absl::Duration Ttl(absl::string_view key) { return store_->GetMetadata(key)->ttl; }

  std::unique_ptr<Store> store_;
};

TEST_F(StoreUpdateTest, APutOfARevisionHappensOnce) {
  PutOptions options;
  options.if_revision = 0;
  EXPECT_TRUE(absl::IsNotFound(store_->Put("k", "new", options).status()));
  const uint64_t revision = store_->Put("k", "old").value();
  EXPECT_TRUE(absl::IsAborted(store_->Put("k", "new", options).status())) << "0 is no revision";
  options.if_revision = revision;
  EXPECT_GT(store_->Put("k", "new", options).value(), revision);
  const absl::Status again = store_->Put("k", "newer", options).status();
  EXPECT_TRUE(absl::IsAborted(again));
  EXPECT_THAT(std::string(again.message()), HasSubstr("not "));
  EXPECT_TRUE(absl::IsAborted(store_->Replace("k", "newer", options).status()));
  EXPECT_EQ(Value("k"), "new");
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Add("n", "v", options).status()));
  std::string old;
  EXPECT_TRUE(absl::IsInvalidArgument(store_->GetAndSet("k", "v", &old, options).status()));
}

TEST_F(StoreUpdateTest, ABatchKeepsItsCondition) {
  const uint64_t revision = store_->Put("k", "old").value();
  PutOptions options;
  options.if_revision = revision;
  std::vector<absl::StatusOr<uint64_t>> results(2);
  ASSERT_TRUE(store_->MultiPut({"k", "k"}, {"1", "2"}, absl::MakeSpan(results), options).ok());
  EXPECT_TRUE(results[0].ok());
  EXPECT_TRUE(absl::IsAborted(results[1].status()));
  EXPECT_EQ(Value("k"), "1");
}

TEST_F(StoreUpdateTest, APutKeepsTheLifetimeIfToldTo) {
  PutOptions keep;
  keep.keep_ttl = true;
  PutForAnHour("k", "v");
  ASSERT_TRUE(store_->Put("k", "w", keep).ok());
  EXPECT_TRUE(IsAboutAnHour(Ttl("k")));
  std::vector<absl::StatusOr<uint64_t>> results(1);
  ASSERT_TRUE(store_->MultiPut({"k"}, {"x"}, absl::MakeSpan(results), keep).ok());
  EXPECT_TRUE(IsAboutAnHour(Ttl("k")));
  keep.ttl = absl::Hours(1);
  ASSERT_TRUE(store_->Put("new", "v", keep).ok());
  EXPECT_TRUE(IsAboutAnHour(Ttl("new"))) << "a new entry has none to keep";
  ASSERT_TRUE(store_->Put("k", "y").ok());
  EXPECT_EQ(Ttl("k"), absl::InfiniteDuration());
}

TEST_F(StoreUpdateTest, IncrementAddsAndReturnsTheSum) {
  EXPECT_TRUE(absl::IsNotFound(store_->Increment("n").status()));
  IncrementOptions options;
  options.initial = 10;
  options.ttl = absl::Hours(1);
  EXPECT_EQ(store_->Increment("n", 5, options).value(), 10);
  EXPECT_EQ(store_->Increment("n", 5, options).value(), 15);
  EXPECT_EQ(store_->Increment("n").value(), 16);
  EXPECT_EQ(store_->Increment("n", -20).value(), -4);
  EXPECT_EQ(Value("n"), "-4");
  EXPECT_TRUE(IsAboutAnHour(Ttl("n"))) << "the lifetime stays";
  ASSERT_TRUE(store_->Put("n", "9223372036854775807").ok());
  EXPECT_TRUE(absl::IsOutOfRange(store_->Increment("n").status()));
  EXPECT_EQ(store_->Increment("n", std::numeric_limits<int64_t>::min()).value(), -1);
  ASSERT_TRUE(store_->Put("n", "one").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Increment("n").status()));
  EXPECT_EQ(Value("n"), "one");
}

TEST_F(StoreUpdateTest, AppendMakesAndExtends) {
  ASSERT_TRUE(store_->Append("k", "ab", {absl::Hours(1)}).ok());
  const std::string more(10'000, 'c');
  const uint64_t revision = store_->Append("k", more).value();
  EXPECT_EQ(Value("k"), "ab" + more);
  EXPECT_EQ(store_->GetMetadata("k")->revision, revision);
  EXPECT_EQ(store_->GetMetadata("k")->value_bytes, 10'002u);
  EXPECT_TRUE(IsAboutAnHour(Ttl("k")));
  EXPECT_TRUE(
      absl::IsOutOfRange(store_->Append("k", std::string((1 << 20) - 10'000, 'd')).status()));
  EXPECT_EQ(Value("k"), "ab" + more);
}

TEST_F(StoreUpdateTest, GetAndSetReturnsWhatItReplaced) {
  std::string old = "of before";
  const auto first = store_->GetAndSet("k", "1", &old);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->has_value());
  EXPECT_EQ(old, "");
  const uint64_t revision = PutForAnHour("k", "2");
  PutOptions keep;
  keep.keep_ttl = true;
  const auto second = store_->GetAndSet("k", std::string(5000, '3'), &old, keep);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ(old, "2");
  EXPECT_EQ((*second)->value_bytes, 1u);
  EXPECT_EQ((*second)->revision, revision);
  EXPECT_TRUE(IsAboutAnHour((*second)->ttl));
  EXPECT_TRUE(IsAboutAnHour(Ttl("k")));
  ASSERT_TRUE(store_->GetAndSet("k", "4", &old).ok());
  EXPECT_EQ(old, std::string(5000, '3'));
  EXPECT_EQ(Ttl("k"), absl::InfiniteDuration());
}

TEST_F(StoreUpdateTest, GetAndDeleteReturnsWhatItRemoved) {
  std::string value;
  EXPECT_EQ(store_->GetAndDelete("k", &value).status(),
            absl::Status(absl::StatusCode::kNotFound, ""));
  for (const size_t bytes : {0, 5, 5000}) {
    const uint64_t revision = PutForAnHour("k", std::string(bytes, 'v'));
    const absl::StatusOr<Entry> entry = store_->GetAndDelete("k", &value);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(value, std::string(bytes, 'v'));
    EXPECT_EQ(entry->value_bytes, bytes);
    EXPECT_EQ(entry->revision, revision);
    EXPECT_TRUE(IsAboutAnHour(entry->ttl));
    EXPECT_FALSE(store_->Contains("k").value());
  }
  EXPECT_EQ(store_->Stats().entries, 0u);
}

TEST_F(StoreUpdateTest, TouchAndPersistChangeTheLifetimeOnly) {
  EXPECT_TRUE(absl::IsNotFound(store_->Touch("k", absl::Hours(1)).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Persist("k").status()));
  for (const size_t bytes : {5, 5000}) {
    const std::string value(bytes, 'v');
    const uint64_t put = store_->Put("k", value).value();
    const uint64_t touched = store_->Touch("k", absl::Hours(1)).value();
    EXPECT_GT(touched, put);
    EXPECT_EQ(store_->GetMetadata("k")->revision, touched);
    EXPECT_TRUE(IsAboutAnHour(Ttl("k")));
    EXPECT_EQ(Value("k"), value);
    ASSERT_TRUE(store_->Persist("k").ok());
    EXPECT_EQ(Ttl("k"), absl::InfiniteDuration());
    EXPECT_EQ(Value("k"), value);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Touch("k", absl::ZeroDuration()).status()));
}

TEST_F(StoreUpdateTest, AGetThatTouchesReturnsTheEntryAsItIsThen) {
  ASSERT_TRUE(store_->Put("k", "v", {absl::Minutes(1)}).ok());
  std::string value;
  const absl::StatusOr<Entry> entry = store_->GetAndTouch("k", absl::Hours(1), &value);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(value, "v");
  EXPECT_EQ(entry->value_bytes, 1u);
  EXPECT_TRUE(IsAboutAnHour(entry->ttl));
  EXPECT_EQ(entry->revision, store_->GetMetadata("k")->revision);
  EXPECT_TRUE(absl::IsNotFound(store_->GetAndTouch("n", absl::Hours(1), &value).status()));
}

TEST_F(StoreUpdateTest, ATouchedEntryExpires) {
  ASSERT_TRUE(store_->Put("k", "v").ok());
  ASSERT_TRUE(store_->Touch("k", absl::Nanoseconds(1)).ok());
  EXPECT_TRUE(ExpiresInTime(*store_, "k"));
  EXPECT_TRUE(absl::IsNotFound(store_->Persist("k").status())) << "too late";
}

TEST_F(StoreUpdateTest, ReadOnlyHandlesUpdateNothing) {
  PutForAnHour("k", "1");
  auto reader = OpenReadOnly();
  ASSERT_NE(reader, nullptr);
  std::string value;
  EXPECT_TRUE(IsAboutAnHour(reader->GetMetadata("k")->ttl));
  for (const absl::Status& status :
       {reader->Increment("k").status(), reader->Append("k", "1").status(),
        reader->GetAndSet("k", "2", &value).status(), reader->GetAndDelete("k", &value).status(),
        reader->GetAndTouch("k", absl::Hours(1), &value).status(), reader->Persist("k").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
  }
}

TEST_F(StoreUpdateTest, ThreadsShareACounterAndAQueueOfOne) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 1000;
  ASSERT_TRUE(store_->Put("n", "0").ok());
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::vector<int64_t> taken(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &taken, t] {
      std::string value;
      for (int i = 0; i < kRounds; ++i) {
        ASSERT_TRUE(store_->Increment("n").ok());
        ASSERT_TRUE(store_->Increment("token", 1, {/*initial=*/1}).ok());
        if (store_->GetAndDelete("token", &value).ok()) taken[t] += Number(value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Number(Value("n")), kThreads * kRounds);
  int64_t sum = store_->Increment("token", 0, {/*initial=*/0}).value();  // the one left, if any
  for (const int64_t one : taken) sum += one;
  EXPECT_EQ(sum, kThreads * kRounds) << "each token was taken once";
}

}  // namespace
}  // namespace cubby
