// How fast are puts and deletes, alone and between gets?
//
//   write_bench --benchmark_filter='/64/1000000'
//
// Names are BM_<what>/<value bytes>/<entries>; keys have 16 bytes and are random ones known
// beforehand. Everything goes through the public cubby::Store on real shared memory: one thread, no
// other writers, no entry expires. A put includes checking sizes, hashing, taking and giving back
// the writer lock, finding the old entry, the intent that a killed writer's successor needs,
// copying key and value in, the commit and the counters. What a get includes: lookup_bench.cc.
//
//   BM_Put              Put over an entry that is there
//   BM_MultiPut32       the same, 32 in a call
//   BM_DeleteInsert     Delete, then Put of the same key, counted as one operation
//   BM_Mixed95Get5Put   in a hundred operations, 95 Get that hit and 5 Put over an entry
//   BM_Mixed50Get50Put  the same with 50 and 50
//
// The Time is cubby's. The counters compare it with two others in the same run
// (bench/side_by_side.h): the floor, a pointer chase through as many lines in as many bytes, that
// is one wait for memory per operation; and an absl::flat_hash_map<Key, Value> without any lock
// that does the same with find, overwrite, copy out, erase and emplace. Operations on random keys
// can overlap, so ratios under 1 are possible.
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/key_batch.h"
#include "bench/pointer_chase.h"
#include "bench/random_order.h"
#include "bench/side_by_side.h"
#include "bench/working_set.h"
#include "bench/working_set_bench.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {
namespace {

template <size_t kValueBytes>
bool PutOne(WorkingSet<kValueBytes>& set, const Key& key,
            const typename WorkingSet<kValueBytes>::Value& value) {
  return set.store().Put(key.view(), {value.data(), value.size()}).ok();
}

// `kPutPercent` of the operations overwrite an entry, the others get one.
template <size_t kValueBytes, uint64_t kPutPercent>
void GetAndPut(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  Picker cubby_picks(set.entries()), map_picks(set.entries());
  Picker cubby_dice(100), map_dice(100);
  typename WorkingSet<kValueBytes>::Value got;
  typename WorkingSet<kValueBytes>::Value fresh;
  fresh.fill('p');
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(TokenOf(cubby_picks.Next()));
          if (cubby_dice.Next() < kPutPercent) {
            if (!PutOne(set, key, fresh)) return false;
          } else {
            if (!set.store().Get(key.view(), absl::MakeSpan(got)).ok()) return false;
            benchmark::DoNotOptimize(got);
          }
        }
        return true;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(set.chase().Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          auto& value = set.map().find(Key(TokenOf(map_picks.Next())))->second;
          if (map_dice.Next() < kPutPercent) {
            value = fresh;
            benchmark::ClobberMemory();
          } else {
            got = value;
            benchmark::DoNotOptimize(got);
          }
        }
      });
}

template <size_t kValueBytes>
void MultiPut32(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  constexpr size_t kAtOnce = 32;
  static_assert(kTurn % kAtOnce == 0);
  Picker cubby_picks(set.entries()), map_picks(set.entries());
  typename WorkingSet<kValueBytes>::Value fresh;
  fresh.fill('p');
  const std::vector<absl::string_view> values(kAtOnce, {fresh.data(), fresh.size()});
  std::vector<absl::StatusOr<uint64_t>> results(kAtOnce);
  KeyBatch keys(kAtOnce);
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; operations -= kAtOnce) {
          keys.Pick(&cubby_picks);
          if (!set.store().MultiPut(keys.views(), values, absl::MakeSpan(results)).ok())
            return false;
          for (const absl::StatusOr<uint64_t>& result : results) {
            if (!result.ok()) return false;
          }
        }
        return true;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(set.chase().Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          set.map().find(Key(TokenOf(map_picks.Next())))->second = fresh;
          benchmark::ClobberMemory();
        }
      });
}

template <size_t kValueBytes>
void DeleteInsert(benchmark::State& state, WorkingSet<kValueBytes>& set) {
  Picker cubby_picks(set.entries()), map_picks(set.entries());
  typename WorkingSet<kValueBytes>::Value fresh;
  fresh.fill('p');
  SideBySide(
      state,
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(TokenOf(cubby_picks.Next()));
          if (!set.store().Delete(key.view()).ok() || !PutOne(set, key, fresh)) return false;
        }
        return true;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(set.chase().Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          const Key key(TokenOf(map_picks.Next()));
          set.map().erase(key);
          set.map().emplace(key, fresh);
          benchmark::ClobberMemory();
        }
      });
}

template <size_t kValueBytes>
void RegisterAll(CurrentWorkingSet* sets) {
  // By working set first: each is made once.
  for (const uint32_t entries : {100'000u, 1'000'000u}) {
    RegisterSideBySide<kValueBytes>("Put", entries, sets, GetAndPut<kValueBytes, 100>);
    RegisterSideBySide<kValueBytes>("MultiPut32", entries, sets, MultiPut32<kValueBytes>);
    RegisterSideBySide<kValueBytes>("DeleteInsert", entries, sets, DeleteInsert<kValueBytes>);
    RegisterSideBySide<kValueBytes>("Mixed95Get5Put", entries, sets, GetAndPut<kValueBytes, 5>);
    RegisterSideBySide<kValueBytes>("Mixed50Get50Put", entries, sets, GetAndPut<kValueBytes, 50>);
  }
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  cubby::bench::CurrentWorkingSet sets;
  cubby::bench::RegisterAll<8>(&sets);
  cubby::bench::RegisterAll<64>(&sets);
  cubby::bench::RegisterAll<1024>(&sets);
  return cubby::bench::RunRegistered(argc, argv);
}
