// What does use cost? Compares a store that has been in use for long with a fresh one that has as
// many entries.
//
//   wear_bench --benchmark_filter='Miss/1000000'
//
// Names are BM_Worn<what>/<entries>. Keys have 16 bytes and values 64. Both stores are full: they
// have as many entries as their capacity. One has seen kTurnovers deletes of random entries, each
// followed by the put of a new key, for every entry that it has. The Time is its; the counters
// (bench/side_by_side.h) compare its turns with the fresh store's in the same run: vs_map is that
// ratio, map_ns the fresh store's time, and floor_ns that of a pointer chase.
//
//   BM_WornHit          Get of a random entry
//   BM_WornMiss         Get of an absent key
//   BM_WornMultiGet32   MultiGet of 32 random entries, per key
//   BM_WornMultiMiss32  MultiGet of 32 absent keys, per key
//   BM_WornPut          Put over an entry
//   BM_WornDeleteInsert Delete of a random entry, then Put of a new key, counted as one operation
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/local_store.h"
#include "bench/pointer_chase.h"
#include "bench/random_order.h"
#include "bench/side_by_side.h"
#include "benchmark/benchmark.h"
#include "client/store.h"
#include "table/geometry.h"

namespace cubby::bench {
namespace {

constexpr size_t kValueBytes = 64;
constexpr size_t kAtOnce = 32;
constexpr uint64_t kTurnovers = 50;  // of a million entries: 50 million deletes and puts

// A full store, and the numbers of its entries.
class FullStore {
 public:
  static absl::StatusOr<std::unique_ptr<FullStore>> Make(uint32_t entries) {
    table::GeometryOptions options;
    options.capacity = entries;
    options.max_value_bytes = kValueBytes;
    options.extent_pool_bytes = 64 * 1024;
    absl::StatusOr<std::unique_ptr<Store>> store = MakeLocalStore(options);
    if (!store.ok()) return store.status();
    std::unique_ptr<FullStore> full(new FullStore(*std::move(store), entries));
    for (uint32_t i = 0; i < entries; ++i) {
      full->numbers_[i] = full->next_++;
      if (!full->Put(full->numbers_[i])) return absl::InternalError("a put failed");
    }
    return full;
  }

  // Deletes a random entry and puts a new key. False if that failed.
  bool TurnOver() {
    uint64_t& number = numbers_[picker_.Next()];
    if (!store_->Delete(Key(TokenOf(number)).view()).ok()) return false;
    number = next_++;
    return Put(number);
  }
  bool TurnOverAll(uint64_t times) {
    for (uint64_t i = 0; i < times * numbers_.size(); ++i) {
      if (!TurnOver()) return false;
    }
    return true;
  }

  bool Put(uint64_t number) {
    return store_->Put(Key(TokenOf(number)).view(), {value_.data(), value_.size()}).ok();
  }
  bool PutRandom() { return Put(RandomNumber()); }
  // False unless the key is there, or, with `absent`, is not.
  bool Get(bool absent) {
    const uint64_t number = absent ? kAbsent + picker_.Next() : RandomNumber();
    const bool found = store_->Get(Key(TokenOf(number)).view(), absl::MakeSpan(got_)).ok();
    benchmark::DoNotOptimize(got_);
    return found != absent;
  }
  bool GetMany(bool absent) {
    for (size_t i = 0; i < kAtOnce; ++i) {
      keys_[i] = Key(TokenOf(absent ? kAbsent + picker_.Next() : RandomNumber()));
      views_[i] = keys_[i].view();
      buffers_[i] = absl::MakeSpan(many_[i]);
    }
    if (!store_->MultiGet(views_, buffers_, absl::MakeSpan(results_)).ok()) return false;
    for (const absl::StatusOr<Entry>& result : results_) {
      if (result.ok() == absent) return false;
    }
    return true;
  }

 private:
  FullStore(std::unique_ptr<Store> store, uint32_t entries)
      : store_(std::move(store)),
        numbers_(entries),
        picker_(entries),
        keys_(kAtOnce, Key(0)),
        views_(kAtOnce),
        many_(kAtOnce),
        buffers_(kAtOnce),
        results_(kAtOnce) {
    value_.fill('v');
  }
  uint64_t RandomNumber() { return numbers_[picker_.Next()]; }

  const std::unique_ptr<Store> store_;
  std::vector<uint64_t> numbers_;
  uint64_t next_ = 0;
  Picker picker_;
  std::array<char, kValueBytes> value_;
  std::array<char, kValueBytes> got_;
  std::vector<Key> keys_;
  std::vector<absl::string_view> views_;
  std::vector<std::array<char, kValueBytes>> many_;
  std::vector<absl::Span<char>> buffers_;
  std::vector<absl::StatusOr<Entry>> results_;
};

struct Pair {
  std::unique_ptr<FullStore> worn;
  std::unique_ptr<FullStore> fresh;
  std::unique_ptr<PointerChase> chase;
};

absl::StatusOr<Pair> MakePair(uint32_t entries) {
  Pair pair;
  for (std::unique_ptr<FullStore>* store : {&pair.worn, &pair.fresh}) {
    absl::StatusOr<std::unique_ptr<FullStore>> made = FullStore::Make(entries);
    if (!made.ok()) return made.status();
    *store = *std::move(made);
  }
  if (!pair.worn->TurnOverAll(kTurnovers)) return absl::InternalError("a turnover failed");
  absl::StatusOr<std::unique_ptr<PointerChase>> chase =
      PointerChase::Make(RandomCycle(entries), uint64_t{entries} * 128);
  if (!chase.ok()) return chase.status();
  pair.chase = *std::move(chase);
  return pair;
}

// One kind of operation, done so many times; false if one failed.
using Run = bool (*)(FullStore& store, size_t operations);

template <bool kMiss>
bool Gets(FullStore& store, size_t operations) {
  bool ok = true;
  for (; operations != 0; --operations) ok &= store.Get(kMiss);
  return ok;
}
template <bool kMiss>
bool MultiGets(FullStore& store, size_t operations) {
  bool ok = true;
  for (; operations != 0; operations -= kAtOnce) ok &= store.GetMany(kMiss);
  return ok;
}
bool Puts(FullStore& store, size_t operations) {
  bool ok = true;
  for (; operations != 0; --operations) ok &= store.PutRandom();
  return ok;
}
bool TurnOvers(FullStore& store, size_t operations) {
  bool ok = true;
  for (; operations != 0; --operations) ok &= store.TurnOver();
  return ok;
}

void RegisterAll(uint32_t entries, const std::shared_ptr<absl::StatusOr<Pair>>& pair) {
  // The last one wears the fresh store, too.
  const std::pair<const char*, Run> runs[] = {
      {"Hit", Gets<false>},
      {"Miss", Gets<true>},
      {"MultiGet32", MultiGets<false>},
      {"MultiMiss32", MultiGets<true>},
      {"Put", Puts},
      {"DeleteInsert", TurnOvers},
  };
  for (const auto& [what, run] : runs) {
    const std::string name = absl::StrCat("BM_Worn", what, "/", entries);
    benchmark::RegisterBenchmark(name.c_str(), [=, run = run](benchmark::State& state) {
      if (absl::IsUnknown(pair->status())) *pair = MakePair(entries);
      if (!pair->ok()) {
        state.SkipWithError(pair->status().ToString().c_str());
        return;
      }
      Pair& stores = **pair;
      SideBySide(
          state, [&](size_t operations) { return run(*stores.worn, operations); },
          [&](size_t operations) { benchmark::DoNotOptimize(stores.chase->Walk(operations)); },
          [&](size_t operations) {
            if (!run(*stores.fresh, operations)) state.SkipWithError("the fresh store failed");
          });
    });
  }
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  for (const uint32_t entries : {100'000u, 1'000'000u}) {
    // Unknown until it is made, when the first of its benchmarks runs.
    cubby::bench::RegisterAll(entries, std::make_shared<absl::StatusOr<cubby::bench::Pair>>());
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
