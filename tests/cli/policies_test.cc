#include "cli/policies.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/support/recorded_requests.h"

namespace cubby::cli {
namespace {

using Keys = std::vector<std::string>;

uint64_t Misses(const std::string& name, uint64_t entries, const Keys& keys) {
  const auto policy = FindPolicy(name)->make(entries);
  return std::count_if(keys.begin(), keys.end(),
                       [&policy](const std::string& key) { return !policy->Request(key); });
}

Keys Words(const std::string& text) { return absl::StrSplit(text, ' '); }

// Plays `text` and returns the missed keys.
std::string Missed(const std::string& name, uint64_t entries, const std::string& text) {
  const auto policy = FindPolicy(name)->make(entries);
  std::string missed;
  for (const std::string& key : Words(text)) {
    if (!policy->Request(key)) absl::StrAppend(&missed, missed.empty() ? "" : " ", key);
  }
  return missed;
}

// A cache by the words of its definition: a list in the order of the queue, searched from its
// front. The oldest key is in front.
struct NaiveCache {
  struct Item {
    std::string key;
    bool bit;
  };
  NaiveCache(std::string policy, uint64_t entries) : policy(std::move(policy)), entries(entries) {}

  const std::string policy;
  const uint64_t entries;
  std::list<Item> items;
  std::list<Item>::iterator hand = items.end();  // of sieve

  bool Request(const std::string& key) {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&key](const Item& item) { return item.key == key; });
    if (found != items.end()) {
      if (policy == "lru") items.splice(items.end(), items, found);
      found->bit = true;
      return true;
    }
    if (items.size() == entries) Evict();
    items.push_back({key, false});
    return false;
  }

  void Evict() {
    if (policy == "clock") {
      while (items.front().bit) {
        items.front().bit = false;
        items.splice(items.end(), items, items.begin());
      }
    }
    if (policy != "sieve") return items.pop_front();
    auto item = hand;
    if (item == items.end()) item = items.begin();
    while (item->bit) {
      item->bit = false;
      if (++item == items.end()) item = items.begin();
    }
    hand = items.erase(item);
  }
};

class EveryPolicyTest : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryPolicyTest, AgreesWithItsDefinitionRequestByRequest) {
  std::mt19937_64 random(1);
  for (const uint64_t entries : {1, 2, 3, 7, 40, 99, 100, 200}) {
    const auto policy = FindPolicy(GetParam())->make(entries);
    NaiveCache naive(GetParam(), entries);
    for (int request = 0; request < 20'000; ++request) {
      // Of 100 keys the low ones often; now and then one that never comes again.
      const uint64_t key = std::min(random() % 100, random() % 100);
      const std::string name =
          random() % 16 == 0 ? absl::StrCat("once ", request) : absl::StrCat("key ", key);
      ASSERT_EQ(policy->Request(name), naive.Request(name))
          << "request " << request << ", " << name << ", " << entries << " entries";
    }
  }
}

TEST_P(EveryPolicyTest, HoldsAsManyKeysAsItHasEntries) {
  for (const int entries : {1, 10, 1000}) {
    const auto policy = FindPolicy(GetParam())->make(entries);
    for (int key = 0; key < entries; ++key) EXPECT_FALSE(policy->Request(absl::StrCat(key)));
    for (int key = 0; key < entries; ++key) EXPECT_TRUE(policy->Request(absl::StrCat(key)));
    EXPECT_FALSE(policy->Request("one more"));
    EXPECT_TRUE(policy->Request("one more"));
  }
}

TEST_P(EveryPolicyTest, TellsKeysApartByEveryByte) {
  const auto policy = FindPolicy(GetParam())->make(1000);
  EXPECT_FALSE(policy->Request(""));
  for (int byte = 0; byte < 256; ++byte) {
    const std::string key(1, static_cast<char>(byte));
    EXPECT_FALSE(policy->Request(key));
    EXPECT_FALSE(policy->Request(key + std::string(1, '\0')));
  }
  EXPECT_TRUE(policy->Request(""));
}

TEST_P(EveryPolicyTest, TakesMemoryForWhatItHoldsAlone) {
  const auto policy = FindPolicy(GetParam())->make(uint64_t{1} << 40);
  EXPECT_FALSE(policy->Request("a"));
  EXPECT_TRUE(policy->Request("a"));
}

INSTANTIATE_TEST_SUITE_P(, EveryPolicyTest, ::testing::Values("lru", "fifo", "clock", "sieve"));

// Page faults that textbooks count: Belady, Nelson and Shedler (1969) for FIFO, which here has more
// faults with more pages; and Silberschatz, Galvin and Gagne, "Operating System Concepts".
TEST(PoliciesTest, CountWhatTextbooksCount) {
  const Keys belady = Words("1 2 3 4 1 2 5 1 2 3 4 5");
  EXPECT_EQ(Misses("fifo", 3, belady), 9u);
  EXPECT_EQ(Misses("fifo", 4, belady), 10u);
  EXPECT_EQ(Misses("lru", 3, belady), 10u);
  EXPECT_EQ(Misses("lru", 4, belady), 8u);
  const Keys silberschatz = Words("7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1");
  EXPECT_EQ(Misses("fifo", 3, silberschatz), 15u);
  EXPECT_EQ(Misses("lru", 3, silberschatz), 12u);
}

// d evicts b, for a was hit. Then a is the oldest but for c in a clock, which it joined again;
// sieve has left it where it was, behind the hand.
TEST(PoliciesTest, DifferInWhatAHitIsWorth) {
  const std::string requests = "a b c a d e f a";
  EXPECT_EQ(Missed("fifo", 3, requests), "a b c d e f a");
  EXPECT_EQ(Missed("lru", 3, requests), "a b c d e f a");
  EXPECT_EQ(Missed("clock", 3, requests), "a b c d e f a");
  EXPECT_EQ(Missed("sieve", 3, requests), "a b c d e f");
  EXPECT_EQ(Missed("fifo", 3, "a b c a d a"), "a b c d a");
  EXPECT_EQ(Missed("clock", 3, "a b c a d a"), "a b c d");
}

TEST(PoliciesTest, LruMissesWhatOthersHaveCounted) {
  if (!test::HaveRecordedRequests()) GTEST_SKIP() << "there are no traces";
  struct Case {
    std::string trace;
    uint64_t entries;
    std::string miss_ratio;
  };
  const Case cases[] = {
      {"web07", 205, "0.6083"},  {"web07", 2048, "0.4434"}, {"oltp", 1869, "0.5836"},
      {"oltp", 18688, "0.3348"}, {"sprite", 142, "0.7019"}, {"gcc", 351, "0.0824"},
      {"multi3", 745, "0.6451"},
  };
  for (const Case& c : cases) {
    const Keys keys = test::RecordedRequests(c.trace);
    ASSERT_FALSE(keys.empty());
    const double ratio =
        static_cast<double>(Misses("lru", c.entries, keys)) / static_cast<double>(keys.size());
    EXPECT_EQ(absl::StrFormat("%.4f", ratio), c.miss_ratio) << c.trace << ", " << c.entries;
  }
}

}  // namespace
}  // namespace cubby::cli
