// Readers and writers as threads over one table, for ThreadSanitizer and for the reader's protocol
// at full speed. A mutex stands in for the writer lock. Values carry their key and are checkable: a
// torn or misplaced one does not check.
#include <atomic>
#include <mutex>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "table/changes.h"
#include "table/checker.h"
#include "table/eviction.h"
#include "table/scan.h"
#include "tests/support/checked_value.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

using test::CheckedValue;
using test::IsCheckedValue;
using ::testing::IsEmpty;

struct Shape {
  const char* name;
  uint32_t ways;
  int keys;
  size_t max_value;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class ConcurrencyTest : public ::testing::TestWithParam<Shape> {
 protected:
  // The keys that an iteration visits. Nothing if writers disturbed it too often.
  static absl::optional<std::multiset<std::string>> Scan(const Table& table,
                                                         std::vector<ScannedEntry>* entries,
                                                         std::atomic<int>* torn) {
    std::multiset<std::string> keys;
    for (uint64_t home = 0; home < table.geometry().bucket_count; ++home) {
      if (ScanHome(table, home, entries) != Outcome::kFound) return absl::nullopt;
      for (const ScannedEntry& entry : *entries) {
        if (!IsCheckedValue(entry.key, entry.value)) ++*torn;
        keys.insert(entry.key);
      }
    }
    return keys;
  }
};

// Keys with an even number are put before the readers begin and never deleted: they must never be
// missed.
TEST_P(ConcurrencyTest, NoValueIsTornAndNoPresentKeyMissed) {
  const Shape shape = GetParam();
  GeometryOptions options = TinyOptions();
  options.capacity = static_cast<uint64_t>(shape.keys);
  options.ways = shape.ways;
  options.extent_pool_bytes = 64 * 1000;
  TableBuffer buffer(options);
  const auto key_of = [](int i) { return absl::StrCat("key", i); };
  for (int i = 0; i < shape.keys; i += 2) {
    ASSERT_TRUE(buffer.Put(key_of(i), CheckedValue(key_of(i), 1, shape.max_value)).ok());
  }

  constexpr int kWriters = 2;
  constexpr int kReaders = 2;
  constexpr int kOperations = 20'000;
  std::mutex lock;
  std::atomic<int> reading{0};
  std::atomic<int> writing{kWriters};
  std::atomic<int> torn{0};
  std::atomic<int> missed{0};
  std::atomic<int> contended{0};
  std::atomic<int> not_scanned_once{0};
  std::atomic<int> scans{0};
  std::atomic<int64_t> found{0};
  std::vector<std::thread> threads;
  threads.reserve(kWriters + kReaders);
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      std::mt19937_64 random(w);
      while (reading < kReaders)
        std::this_thread::yield();  // both sides at once, or nothing is tried
      for (int n = 0; n < kOperations; ++n) {
        const int i = static_cast<int>(random() % shape.keys);
        const std::string key = key_of(i);
        std::lock_guard<std::mutex> guard(lock);
        if (i % 2 != 0 && n % 3 == 0) {
          (void)buffer.Delete(key);
        } else {
          EXPECT_TRUE(buffer.Put(key, CheckedValue(key, random(), shape.max_value)).ok());
        }
      }
      --writing;
    });
  }
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&, r] {
      std::mt19937_64 random(100 + r);
      const Reader reader(buffer.table());
      std::string value;
      std::vector<ScannedEntry> entries;
      ++reading;
      while (writing > 0) {
        const int i = static_cast<int>(random() % shape.keys);
        const std::string key = key_of(i);
        Found entry;
        // With one look first, as all gets, and with rounds only.
        const Outcome outcome = random() % 2 == 0
                                    ? reader.Get(key, StringSink(&value), &entry)
                                    : reader.GetInRounds(key, StringSink(&value), &entry);
        switch (outcome) {
          case Outcome::kFound:
            ++found;
            if (!IsCheckedValue(key, value)) ++torn;
            break;
          case Outcome::kNotFound:
            if (i % 2 == 0) ++missed;
            break;
          case Outcome::kContended:
            ++contended;
            break;
          default:
            ADD_FAILURE() << "damaged";
        }
        const absl::optional<std::multiset<std::string>> scanned =
            Scan(buffer.table(), &entries, &torn);
        if (!scanned.has_value()) continue;
        ++scans;
        for (int even = 0; even < shape.keys; even += 2) {
          if (scanned->count(key_of(even)) != 1) ++not_scanned_once;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(missed, 0);
  EXPECT_GT(found, 0);
  EXPECT_EQ(not_scanned_once, 0);
  RecordProperty("contended", contended);
  RecordProperty("scans", scans);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

// Followers of the change ring, which is so small that they are passed again and again: what they
// are told are commits that happened, in their order.
TEST(ConcurrentChangesTest, NoRecordIsTornAndNoneToldTwice) {
  GeometryOptions options = TinyOptions();
  options.capacity = 100;
  options.ways = kMaxWays;
  options.full_policy = FullPolicy::kEvict;
  TableBuffer buffer(options);
  {
    const lock::HeldWriterRole role;
    SetRecording(buffer.table(), ChangeRecording::kOn);
  }
  constexpr int kOfEach = 2;
  constexpr int kKeys = 300;
  // Keys of several words, in each of which the number is.
  const auto key_of = [](uint64_t i) {
    const std::string word = absl::StrCat("word", 1000 + i);
    std::string key;
    for (uint64_t n = 0; n <= i % 4; ++n) key += word;
    return key;
  };
  std::set<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.insert(key_of(i));
  std::mutex lock;
  std::atomic<int> following{0};
  std::atomic<int> writing{kOfEach};
  std::atomic<int> torn{0};
  std::atomic<int> disordered{0};
  std::atomic<int> uncommitted{0};
  std::atomic<uint64_t> told{0};
  std::vector<std::thread> threads;
  threads.reserve(size_t{2} * kOfEach);
  for (int t = 0; t < kOfEach; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      while (following < kOfEach) std::this_thread::yield();
      for (int n = 0; n < 20'000; ++n) {
        const std::string key = key_of(random() % kKeys);
        std::lock_guard<std::mutex> guard(lock);
        if (n % 4 == 0) {
          (void)buffer.Delete(key);
        } else {
          EXPECT_TRUE(buffer.Put(key, "v").ok());
        }
      }
      --writing;
    });
    threads.emplace_back([&] {
      ChangeFollower follower(buffer.table());
      ChangeFollower::Change change;
      Found found;
      ++following;
      for (bool last = false; !last;) {
        last = writing == 0;
        for (;;) {
          const uint64_t before = follower.revision();
          const ChangeFollower::Outcome outcome = follower.Next(&change);
          if (outcome == ChangeFollower::Outcome::kNone) break;
          if (outcome == ChangeFollower::Outcome::kOverrun) {
            follower.Resume();
            continue;
          }
          ++told;
          if (keys.count(change.key) == 0) ++torn;
          if (change.revision <= before) ++disordered;
          // The table is at least as new.
          if (change.kind == ChangeKind::kPut &&
              Reader(buffer.table()).Get(change.key, NoSink(), &found) == Outcome::kFound &&
              found.revision < change.revision) {
            ++uncommitted;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(disordered, 0);
  EXPECT_EQ(uncommitted, 0);
  EXPECT_GT(told, 0u);
  EXPECT_THAT(Check(buffer.table()).problems, IsEmpty());
}

// Readers count their gets while writers evict: no get is torn, and marks may get lost but harm
// nothing.
TEST(ConcurrentEvictionTest, NoValueIsTornAndTheTableStaysSound) {
  constexpr uint64_t kCapacity = 100;
  GeometryOptions options = TinyOptions();
  options.capacity = kCapacity;
  options.ways = kMaxWays;
  options.extent_pool_bytes = 64 * 60;
  options.full_policy = FullPolicy::kEvict;
  TableBuffer buffer(options);
  constexpr int kOfEach = 2;
  constexpr int kKeys = 300;
  constexpr size_t kMaxValue = 200;
  std::mutex lock;
  std::atomic<int> reading{0};
  std::atomic<int> writing{kOfEach};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  threads.reserve(size_t{2} * kOfEach);
  for (int t = 0; t < kOfEach; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      while (reading < kOfEach) std::this_thread::yield();
      for (int n = 0; n < 20'000; ++n) {
        const std::string key = absl::StrCat("key", random() % kKeys);
        std::lock_guard<std::mutex> guard(lock);
        EXPECT_TRUE(buffer.Put(key, CheckedValue(key, random(), kMaxValue)).ok());
      }
      --writing;
    });
    threads.emplace_back([&, t] {
      std::mt19937_64 random(100 + t);
      std::string value;
      ++reading;
      while (writing > 0) {
        const std::string key = absl::StrCat("key", random() % kKeys);
        Found found;
        if (Reader(buffer.table()).Get(key, StringSink(&value), &found) != Outcome::kFound)
          continue;
        if (!IsCheckedValue(key, value)) ++torn;
        MarkUse(buffer.table(), found.place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn, 0);
  const CheckResult result = Check(buffer.table());
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_LE(result.entries, kCapacity);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConcurrencyTest,
                         ::testing::Values(Shape{"OneHotKey", 2, 2, 24},
                                           Shape{"TightBuckets", 3, 40, 24},
                                           Shape{"WideBuckets", 16, 200, 24},
                                           Shape{"Extents", 3, 8, 400}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cubby::table
