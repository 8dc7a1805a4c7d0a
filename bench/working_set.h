// What the benchmarks work on: the same random keys and values in a cubby store, in an
// absl::flat_hash_map and, as bare cache lines in as many bytes as the store's buckets take, in a
// pointer chase.
//
// Key i is made by arithmetic alone, so no memory but the table's is touched to come by it. The
// first 8 bytes of a value tell the key that is next on a random cycle through all of them: a
// dependent look-up knows its key only when the one before has given its value.
#ifndef CUBBY_BENCH_WORKING_SET_H_
#define CUBBY_BENCH_WORKING_SET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/local_store.h"
#include "bench/pointer_chase.h"
#include "benchmark/benchmark.h"
#include "client/store.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::bench {

// 64 bits that look random and stand for entry `i`; different for every i (splitmix64's last step,
// which is one-to-one).
inline uint64_t TokenOf(uint64_t i) {
  uint64_t token = (i + 1) * 0x9e3779b97f4a7c15;
  token = (token ^ token >> 30) * 0xbf58476d1ce4e5b9;
  token = (token ^ token >> 27) * 0x94d049bb133111eb;
  return token ^ token >> 31;
}

struct Key {
  explicit Key(uint64_t token) : words{token, ~token} {}
  absl::string_view view() const { return {reinterpret_cast<const char*>(words), sizeof(words)}; }
  friend bool operator==(const Key& a, const Key& b) {
    return a.words[0] == b.words[0] && a.words[1] == b.words[1];
  }
  template <typename H>
  friend H AbslHashValue(H h, const Key& key) {
    return H::combine(std::move(h), key.words[0], key.words[1]);
  }
  uint64_t words[2];
};

// Which entry is next after each, on a random cycle through all of them (Sattolo's shuffle). The
// same one in every run. REQUIRES: entries > 0.
inline std::vector<uint32_t> RandomCycle(uint32_t entries) {
  std::vector<uint32_t> next(entries);
  std::iota(next.begin(), next.end(), 0);
  std::mt19937_64 random(1);
  for (uint32_t i = entries - 1; i > 0; --i) {
    std::swap(next[i], next[std::uniform_int_distribution<uint32_t>(0, i - 1)(random)]);
  }
  return next;
}

// Picks entries at random, each in a few cycles. The same ones in every run.
class Picker {
 public:
  // Another seed, another order.
  explicit Picker(uint64_t entries, uint64_t seed = 42) : entries_(entries), state_(seed) {}
  // In [0, entries), equally likely as far as a benchmark can tell.
  uint64_t Next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 32) * entries_ >> 32;
  }

 private:
  const uint64_t entries_;  // fewer than 2^32
  uint64_t state_;
};

// Keys for one call.
class KeyBatch {
 public:
  explicit KeyBatch(size_t keys) : keys_(keys, Key(0)) {
    views_.reserve(keys);
    for (const Key& key : keys_) views_.push_back(key.view());
  }
  KeyBatch(const KeyBatch&) = delete;
  KeyBatch& operator=(const KeyBatch&) = delete;

  void Pick(Picker* picks) {
    for (Key& key : keys_) key = Key(TokenOf(picks->Next()));
  }
  // Of those picked last.
  absl::Span<const absl::string_view> views() const { return views_; }

 private:
  std::vector<Key> keys_;
  std::vector<absl::string_view> views_;
};

template <size_t kValueBytes>
class WorkingSet {
 public:
  static_assert(kValueBytes >= sizeof(uint64_t), "a value begins with the next key's token");
  using Value = std::array<char, kValueBytes>;
  using Map = absl::flat_hash_map<Key, Value>;

  // Takes a second and 5 GB of memory for 1,000,000 values of 1 KiB. Errors are those of
  // MakeLocalStore.
  static absl::StatusOr<std::unique_ptr<WorkingSet>> Make(uint32_t entries) {
    std::unique_ptr<WorkingSet> set(new WorkingSet(entries));
    absl::Status filled = set->Fill();
    if (!filled.ok()) return filled;
    return set;
  }

  // Puts every value again, in random order, so that the entries lie in their buckets as they do in
  // a store that has been in use for a while: a put over an entry moves it to another way of its
  // bucket. Once: later calls do nothing.
  absl::Status Rewrite() {
    if (rewritten_) return absl::OkStatus();
    Picker picker(entries_);
    Value value;
    for (uint64_t i = 0; i < uint64_t{kRewrites} * entries_; ++i) {
      const Key key(TokenOf(picker.Next()));
      absl::Status got = store_->Get(key.view(), absl::MakeSpan(value)).status();
      if (!got.ok()) return got;
      absl::Status put = store_->Put(key.view(), {value.data(), value.size()}).status();
      if (!put.ok()) return put;
    }
    rewritten_ = true;
    return absl::OkStatus();
  }

  Store& store() { return *store_; }
  Map& map() { return map_; }
  PointerChase& chase() { return *chase_; }
  uint32_t entries() const { return entries_; }

 private:
  explicit WorkingSet(uint32_t entries) : entries_(entries) {}

  absl::Status Fill() {
    table::GeometryOptions options;
    options.capacity = entries_;
    // All in the slot, and slots that begin on cache lines.
    options.slot_bytes = (table::kSlotHeadBytes + sizeof(Key) + kValueBytes + 63) & ~size_t{63};
    options.max_value_bytes = kValueBytes;
    options.extent_pool_bytes =
        64 * 1024;  // the least that is accepted would do: no value here needs any
    absl::StatusOr<std::unique_ptr<Store>> store = MakeLocalStore(options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);

    const std::vector<uint32_t> next = RandomCycle(entries_);
    absl::StatusOr<std::unique_ptr<PointerChase>> chase =
        PointerChase::Make(next, store_->geometry().total_bytes);
    if (!chase.ok()) return chase.status();
    chase_ = *std::move(chase);

    map_.reserve(entries_);
    Value value;
    value.fill('v');
    for (uint32_t i = 0; i < entries_; ++i) {
      const Key key(TokenOf(i));
      const uint64_t next_token = TokenOf(next[i]);
      std::memcpy(value.data(), &next_token, sizeof(next_token));
      absl::Status put = store_->Put(key.view(), {value.data(), value.size()}).status();
      if (!put.ok()) return put;
      map_.emplace(key, value);
    }
    return absl::OkStatus();
  }

  // After so many puts per entry the share of entries that lie where a get looks first changes no
  // more.
  static constexpr uint32_t kRewrites = 3;

  const uint32_t entries_;
  bool rewritten_ = false;
  std::unique_ptr<Store> store_;
  std::unique_ptr<PointerChase> chase_;
  Map map_;
};

// The one working set that is in memory: benchmarks of the same size and count in a row share it,
// the next size takes its place.
class CurrentWorkingSet {
 public:
  // The set lives until the next call that asks for another.
  template <size_t kValueBytes>
  absl::StatusOr<WorkingSet<kValueBytes>*> Get(uint32_t entries) {
    if (value_bytes_ != kValueBytes || entries_ != entries) {
      set_.reset();
      value_bytes_ = 0;
      absl::StatusOr<std::unique_ptr<WorkingSet<kValueBytes>>> made =
          WorkingSet<kValueBytes>::Make(entries);
      if (!made.ok()) return made.status();
      set_ = *std::move(made);
      value_bytes_ = kValueBytes;
      entries_ = entries;
    }
    return static_cast<WorkingSet<kValueBytes>*>(set_.get());
  }

 private:
  std::shared_ptr<void> set_;
  size_t value_bytes_ = 0;
  uint32_t entries_ = 0;
};

// Registers `run` as BM_<what>/<value bytes>/<entries>. `sets` must live until the benchmarks have
// run; a set that cannot be made ends the benchmark with that error.
template <size_t kValueBytes>
void RegisterSideBySide(absl::string_view what, uint32_t entries, CurrentWorkingSet* sets,
                        void (*run)(benchmark::State&, WorkingSet<kValueBytes>&)) {
  const std::string name = absl::StrCat("BM_", what, "/", kValueBytes, "/", entries);
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    absl::StatusOr<WorkingSet<kValueBytes>*> set = sets->Get<kValueBytes>(entries);
    if (!set.ok()) {
      state.SkipWithError(set.status().ToString().c_str());
      return;
    }
    run(state, **set);
  });
}

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_WORKING_SET_H_
