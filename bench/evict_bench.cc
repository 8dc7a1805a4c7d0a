// What does a store that evicts cost? Compares a full one with a full one that does not.
//
//   evict_bench --benchmark_filter='/1000000'
//
// Names are BM_Evicting<what>/<entries>. Keys have 16 bytes and values 64. The Time is that of the
// store that evicts; the counters (bench/side_by_side.h) compare its turns with the other store's
// in the same run: vs_map is that ratio, map_ns the other store's time, and floor_ns that of a
// pointer chase.
//
//   BM_EvictingHit   Get of a random entry, which counts in its mark
//   BM_EvictingPut   Put of a new key, which replaces another; compared with a Put over a random
//                    entry. Three of four keys come again and again, so both queues are in use.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
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

struct Stores {
  std::unique_ptr<Store> evicting;
  std::unique_ptr<Store> rejecting;
  std::unique_ptr<PointerChase> chase;
  uint64_t next = 0;  // the number of the next new key
};

bool PutNumber(Store& store, uint64_t number) {
  static const std::array<char, kValueBytes> value = {'v'};
  return store.Put(Key(TokenOf(number)).view(), {value.data(), value.size()}).ok();
}

bool GetNumber(Store& store, uint64_t number) {
  std::array<char, kValueBytes> got;
  const bool found = store.Get(Key(TokenOf(number)).view(), absl::MakeSpan(got)).ok();
  benchmark::DoNotOptimize(got);
  return found;
}

absl::StatusOr<Stores> MakeStores(uint32_t entries) {
  Stores stores;
  table::GeometryOptions options;
  options.capacity = entries;
  options.max_value_bytes = kValueBytes;
  ASSIGN_OR_RETURN(stores.rejecting, MakeLocalStore(options));
  options.full_policy = table::FullPolicy::kEvict;
  ASSIGN_OR_RETURN(stores.evicting, MakeLocalStore(options));
  for (uint32_t i = 0; i < entries; ++i) {
    if (!PutNumber(*stores.rejecting, i) || !PutNumber(*stores.evicting, i)) {
      return absl::InternalError("a put failed");
    }
  }
  stores.next = entries;
  ASSIGN_OR_RETURN(stores.chase, PointerChase::Make(RandomCycle(entries), uint64_t{entries} * 128));
  return stores;
}

void Hit(benchmark::State& state, Stores& stores, uint32_t entries) {
  Picker evicting_picks(entries), rejecting_picks(entries);
  const auto get = [](Store& store, Picker& picks, size_t operations) {
    bool ok = true;
    for (; operations != 0; --operations) ok &= GetNumber(store, picks.Next());
    return ok;
  };
  SideBySide(
      state, [&](size_t operations) { return get(*stores.evicting, evicting_picks, operations); },
      [&](size_t operations) { benchmark::DoNotOptimize(stores.chase->Walk(operations)); },
      [&](size_t operations) {
        if (!get(*stores.rejecting, rejecting_picks, operations)) state.SkipWithError("no entry");
      });
}

void Put(benchmark::State& state, Stores& stores, uint32_t entries) {
  // As a cache in use: keys that are got again, some in time, between others that are not.
  Picker picks(entries / 2);
  for (uint64_t i = 0; i < 6 * uint64_t{entries}; ++i) {
    const uint64_t number = i % 4 == 0 ? stores.next++ : picks.Next();
    if (!GetNumber(*stores.evicting, number) && !PutNumber(*stores.evicting, number)) {
      return state.SkipWithError("a put failed");
    }
  }
  Picker overwritten(entries);
  SideBySide(
      state,
      [&](size_t operations) {
        bool ok = true;
        for (; operations != 0; --operations) ok &= PutNumber(*stores.evicting, stores.next++);
        return ok;
      },
      [&](size_t operations) { benchmark::DoNotOptimize(stores.chase->Walk(operations)); },
      [&](size_t operations) {
        for (; operations != 0; --operations) {
          if (!PutNumber(*stores.rejecting, overwritten.Next())) state.SkipWithError("no put");
        }
      });
}

void Register(const char* what, void (*run)(benchmark::State&, Stores&, uint32_t), uint32_t entries,
              const std::shared_ptr<absl::StatusOr<Stores>>& stores) {
  const std::string name = absl::StrCat("BM_Evicting", what, "/", entries);
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    if (absl::IsUnknown(stores->status())) *stores = MakeStores(entries);
    if (!stores->ok()) return state.SkipWithError(stores->status().ToString().c_str());
    run(state, **stores, entries);
  });
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  for (const uint32_t entries : {10'000u, 100'000u, 1'000'000u}) {
    // Unknown until they are made, when the first of their benchmarks runs.
    const auto stores = std::make_shared<absl::StatusOr<cubby::bench::Stores>>();
    cubby::bench::Register("Hit", cubby::bench::Hit, entries, stores);
    cubby::bench::Register("Put", cubby::bench::Put, entries, stores);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
