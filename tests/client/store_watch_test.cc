// Store::Watch(): what it tells, when it wakes, and what it says of changes that are lost.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/admin.h"
#include "client/store.h"
#include "client/watch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/layout.h"
#include "tests/client/store_fixture.h"
#include "tests/support/shared.h"

namespace cubby {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using Kind = Change::Kind;

class StoreWatchTest : public test::StoreTest {
 protected:
  // Null, and a failure of the test, if it cannot be watched.
  static std::unique_ptr<Watcher> Watch(const Store& store, const WatchOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<Watcher>> watcher = store.Watch(options);
    EXPECT_TRUE(watcher.ok()) << watcher.status();
    return watcher.ok() ? *std::move(watcher) : nullptr;
  }
  // All that there is to tell. `end` is how it ends.
  static std::vector<std::pair<Kind, std::string>> AllTold(
      Watcher* watcher, absl::StatusCode end = absl::StatusCode::kDeadlineExceeded) {
    std::vector<std::pair<Kind, std::string>> told;
    Change change;
    absl::Status status;
    uint64_t revision = watcher->revision();
    while ((status = watcher->Next(&change, absl::ZeroDuration())).ok()) {
      EXPECT_GT(change.revision, revision);
      EXPECT_EQ(change.revision, watcher->revision());
      revision = change.revision;
      told.emplace_back(change.kind, change.key);
    }
    EXPECT_EQ(status.code(), end) << status;
    return told;
  }
};

TEST_F(StoreWatchTest, TellsWhatEachCallChanges) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto store = Open();
  ASSERT_TRUE(store->Put("before", "v").ok());
  const auto watcher = Watch(*store);
  EXPECT_THAT(AllTold(watcher.get()), IsEmpty());
  std::string value;
  ASSERT_TRUE(store->Put("put", "v").ok());
  ASSERT_TRUE(store->Add("added", "v").ok());
  ASSERT_TRUE(absl::IsAlreadyExists(store->Add("added", "v").status()));
  ASSERT_TRUE(store->Increment("number", 1, {/*initial=*/5}).ok());
  ASSERT_TRUE(store->Touch("put", absl::Hours(1)).ok());
  ASSERT_TRUE(store->GetAndDelete("added", &value).ok());
  ASSERT_TRUE(store->Delete("put").ok());
  ASSERT_TRUE(absl::IsNotFound(store->Delete("put")));
  ASSERT_TRUE(store
                  ->GetOrCompute(
                      "computed", {}, [] { return std::string("v"); }, &value)
                  .ok());
  const std::string long_key(5000, 'k');
  ASSERT_TRUE(store->Put(long_key, "v").ok());
  EXPECT_THAT(
      AllTold(watcher.get()),
      ElementsAre(Pair(Kind::kPut, "put"), Pair(Kind::kPut, "added"), Pair(Kind::kPut, "number"),
                  Pair(Kind::kPut, "put"), Pair(Kind::kDelete, "added"), Pair(Kind::kDelete, "put"),
                  Pair(Kind::kPut, "computed"), Pair(Kind::kPut, long_key)));
  EXPECT_EQ(store->GetMetadata(long_key)->revision, watcher->revision());
  ASSERT_EQ(Cubby({"flush"}).exit_code, 0);
  std::vector<std::pair<Kind, std::string>> flushed = AllTold(watcher.get());
  std::sort(flushed.begin(), flushed.end());
  EXPECT_THAT(flushed, ElementsAre(Pair(Kind::kFlush, "before"), Pair(Kind::kFlush, "computed"),
                                   Pair(Kind::kFlush, long_key), Pair(Kind::kFlush, "number")));
}

TEST_F(StoreWatchTest, TellsWhatExpiresAndWhatIsEvicted) {
  ASSERT_TRUE(StartDaemon({"--capacity", "10", "--full", "evict"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  PutOptions soon;
  soon.ttl = absl::Milliseconds(1);
  ASSERT_TRUE(store->Put("soon", "v", soon).ok());
  Change change;
  ASSERT_TRUE(watcher->Next(&change).ok());
  EXPECT_EQ(change.kind, Kind::kPut);
  ASSERT_TRUE(watcher->Next(&change).ok()) << "the daemon sweeps";
  EXPECT_EQ(change.kind, Kind::kExpire);
  EXPECT_EQ(change.key, "soon");
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(store->Put(absl::StrCat(i), "v").ok());
  const std::vector<std::pair<Kind, std::string>> told = AllTold(watcher.get());
  ASSERT_EQ(told.size(), 12u);
  EXPECT_EQ(told[10].first, Kind::kEvict) << "before the put that it makes room for";
  EXPECT_EQ(told[11], std::make_pair(Kind::kPut, std::string("10")));
  EXPECT_FALSE(*store->Contains(told[10].second));
}

TEST_F(StoreWatchTest, TellsChangesOfKeysWithThePrefixAfterTheRevision) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--record-changes"}));
  const auto store = Open();
  const uint64_t first = store->Put("a/1", "v").value();
  ASSERT_TRUE(store->Put("b/1", "v").ok());
  ASSERT_TRUE(store->Put("a/2", "v").ok());
  const uint64_t last = store->Put("b/2", "v").value();
  WatchOptions options;
  options.since = first;
  options.prefix = "a/";
  const auto watcher = Watch(*store, options);
  EXPECT_EQ(watcher->revision(), first);
  EXPECT_THAT(AllTold(watcher.get()), ElementsAre(Pair(Kind::kPut, "a/2")));
  EXPECT_EQ(watcher->revision(), last) << "what it has passed";
  // That of a store of before: all that it has said is void.
  options.since = last + 1;
  const auto of_another_store = Watch(*store, options);
  EXPECT_THAT(AllTold(of_another_store.get(), absl::StatusCode::kOutOfRange), IsEmpty());
  EXPECT_THAT(AllTold(of_another_store.get()),
              ElementsAre(Pair(Kind::kPut, "a/1"), Pair(Kind::kPut, "a/2")));
}

TEST_F(StoreWatchTest, BeginsAtTheNewestRevision) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--record-changes"}));
  const auto store = Open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->Put("k", "v").ok());
  const auto watcher = Watch(*store);
  EXPECT_EQ(watcher->revision(), 5u);
  const auto reader = OpenReadOnly();
  const auto reading = Watch(*reader);
  EXPECT_EQ(reading->revision(), 3u) << "an operation may have taken two";
  ASSERT_TRUE(store->Put("next", "v").ok());
  EXPECT_THAT(AllTold(watcher.get()), ElementsAre(Pair(Kind::kPut, "next")));
  EXPECT_THAT(AllTold(reading.get()), ElementsAre(Pair(Kind::kPut, "next")));
}

TEST_F(StoreWatchTest, WakesForAChange) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  constexpr int kChanges = 50;
  std::thread writer([&] {
    const auto own = Open();
    for (int i = 0; i < kChanges; ++i) {
      EXPECT_TRUE(own->Put("k", "v").ok());
      std::this_thread::yield();
    }
  });
  Change change;
  for (int i = 0; i < kChanges; ++i) ASSERT_TRUE(watcher->Next(&change).ok()) << i;
  writer.join();
  EXPECT_THAT(AllTold(watcher.get()), IsEmpty());
}

TEST_F(StoreWatchTest, SaysUpToWhichRevisionChangesAreLost) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64", "--changes", "4KiB"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  ASSERT_TRUE(store->Put("first", "v").ok());
  uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) last = store->Put("k", "v").value();
  Change change;
  const absl::Status status = watcher->Next(&change);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  const uint64_t lost = watcher->revision();
  EXPECT_GT(lost, 1u);
  EXPECT_LT(lost, last);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("up to ", lost, " are lost")));
  EXPECT_EQ(AllTold(watcher.get()).size(), last - lost);
  // The same for one that begins there, or before.
  WatchOptions options;
  options.since = lost;
  EXPECT_EQ(AllTold(Watch(*store, options).get()).size(), last - lost);
  options.since = lost - 1;
  const auto before = Watch(*store, options);
  EXPECT_EQ(before->Next(&change).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(before->revision(), lost);
}

TEST_F(StoreWatchTest, AnEndOfTheRecordingIsALoss) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  const auto fixed = test::SharedView<table::FixedPart>::Open(this->store());
  ASSERT_TRUE(fixed.ok()) << fixed.status();
  table::ChangesLine& line = (*fixed)->changes;
  EXPECT_EQ(line.recording.load(), 1u);
  // As if it had not been asked for a change for a minute: the daemon ends the recording.
  line.wanted_until_ns.store(1);
  while (line.recording.load() != 0) std::this_thread::yield();
  const uint64_t missed = store->Put("missed", "v").value();
  Change change;
  EXPECT_EQ(watcher->Next(&change).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(watcher->revision(), missed);
  ASSERT_TRUE(store->Put("k", "v").ok());
  EXPECT_THAT(AllTold(watcher.get()), ElementsAre(Pair(Kind::kPut, "k")));
}

TEST_F(StoreWatchTest, AReadOnlyWatcherAsksTheDaemon) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto reader = OpenReadOnly();
  const absl::Status refused = reader->Watch({}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--record-changes"));
  absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store());
  ASSERT_TRUE(admin.ok()) << admin.status();
  WatchOptions options;
  options.ask_daemon = [&](absl::Duration duration) { return (*admin)->RecordChanges(duration); };
  const auto watcher = Watch(*reader, options);
  const auto fixed = test::SharedView<const table::FixedPart>::Open(store());
  ASSERT_TRUE(fixed.ok()) << fixed.status();
  EXPECT_EQ((*fixed)->changes.recording.load(),
            static_cast<uint64_t>(table::ChangeRecording::kForReaders));
  std::thread writer([this] { EXPECT_TRUE(Open()->Put("k", "v").ok()); });
  Change change;
  EXPECT_TRUE(watcher->Next(&change).ok());
  EXPECT_EQ(change.key, "k");
  writer.join();
  // One that cannot ask follows all the same while commits are recorded.
  const auto other = Watch(*reader);
  ASSERT_TRUE(Open()->Delete("k").ok());
  EXPECT_THAT(AllTold(other.get()), ElementsAre(Pair(Kind::kDelete, "k")));
}

TEST_F(StoreWatchTest, AStoreWithoutAChangeRingSaysSo) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--changes", "0"}));
  const absl::Status status = Open()->Watch({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--changes 0"));
  absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store());
  ASSERT_TRUE(admin.ok()) << admin.status();
  EXPECT_EQ((*admin)->RecordChanges(absl::Minutes(1)).code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(Open()->Put("k", "v").ok());
}

TEST_F(StoreWatchTest, EndsWithTheStore) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  std::thread stopper([this] { StopDaemon(); });
  Change change;
  EXPECT_EQ(watcher->Next(&change).code(), absl::StatusCode::kFailedPrecondition);
  stopper.join();
}

// What was not told when the daemon was killed, and what is put before another is there, is told.
TEST_F(StoreWatchTest, OutlivesItsDaemon) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  const auto store = Open();
  const auto watcher = Watch(*store);
  ASSERT_TRUE(store->Put("a", "v").ok());
  KillDaemon();
  ASSERT_TRUE(store->Put("b", "v").ok());
  ASSERT_TRUE(StartDaemon());
  ASSERT_TRUE(store->Put("c", "v").ok());
  EXPECT_THAT(AllTold(watcher.get()),
              ElementsAre(Pair(Kind::kPut, "a"), Pair(Kind::kPut, "b"), Pair(Kind::kPut, "c")));
}

}  // namespace
}  // namespace cubby
