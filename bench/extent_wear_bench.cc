// How much slower is a store that has been in use for long than a fresh one with as much in it?
//
//   extent_wear_bench --benchmark_filter='/65536/'
//
// Names are BM_<what>/<value bytes>/<fill>. Both stores have an extent pool of 256 MiB, of which
// values of 1 byte to 64 KiB take `fill` percent, and hold the same values. The fresh store has got
// each once; the worn one has got 400,000 others in their place before.
//
//   BM_WornPut   Put over an entry of that size
//   BM_WornGet   Get of such an entry into the caller's buffer
//
// The counters tell the median times of an operation on both, which take turns
// (bench/round_robin.h), and vs_fresh, the median of their ratios.
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "bench/key.h"
#include "bench/local_store.h"
#include "bench/random_order.h"
#include "bench/round_robin.h"
#include "benchmark/benchmark.h"
#include "client/store.h"
#include "table/geometry.h"

namespace cubby::bench {
namespace {

constexpr uint64_t kPoolBytes = 256 << 20;
constexpr uint64_t kMaxValueBytes = 64 << 10;
constexpr uint64_t kOverwrites = 400'000;

// The sizes that are measured, and how many entries have each, whatever is put over the others.
constexpr uint64_t kSizes[] = {1 << 10, 4 << 10, 64 << 10};
constexpr uint64_t kEntriesPerSize = 500;
constexpr uint64_t kMeasured = std::size(kSizes) * kEntriesPerSize;

class Wear {
 public:
  static absl::StatusOr<std::unique_ptr<Wear>> Make(uint64_t fill_percent) {
    std::unique_ptr<Wear> wear(new Wear);
    absl::Status filled = wear->Fill(fill_percent);
    if (!filled.ok()) return filled;
    return wear;
  }

  Store& fresh() { return *fresh_; }
  Store& worn() { return *worn_; }

 private:
  static uint64_t ExtentsOf(uint64_t bytes) {
    const uint64_t payload = table::kDefaultExtentBytes - table::kExtentHeadBytes;
    return (bytes + payload - 1) / payload;
  }
  absl::Status Put(Store& store, uint64_t entry) {
    return store.Put(Key(TokenOf(entry)).view(), {value_.data(), sizes_[entry]}).status();
  }

  absl::Status Fill(uint64_t fill_percent) {
    table::GeometryOptions options;
    options.capacity = kPoolBytes / kMaxValueBytes * 4;
    options.max_value_bytes = kMaxValueBytes;
    options.extent_pool_bytes = kPoolBytes;
    for (std::unique_ptr<Store>* store : {&fresh_, &worn_}) {
      absl::StatusOr<std::unique_ptr<Store>> made = MakeLocalStore(options);
      if (!made.ok()) return made.status();
      *store = *std::move(made);
    }

    const uint64_t most = kPoolBytes / options.extent_bytes * fill_percent / 100;
    uint64_t extents = 0;
    Picker sizes(kMaxValueBytes, /*seed=*/1);
    for (uint64_t entry = 0; extents < most; ++entry) {
      sizes_.push_back(entry < kMeasured ? kSizes[entry % std::size(kSizes)] : sizes.Next() + 1);
      extents += ExtentsOf(sizes_.back());
      absl::Status put = Put(*worn_, entry);
      if (!put.ok()) return put;
    }
    Picker entries(sizes_.size());
    for (uint64_t i = 0; i < kOverwrites; ++i) {
      const uint64_t entry = entries.Next();
      const uint64_t others = extents - ExtentsOf(sizes_[entry]);
      if (entry >= kMeasured) {
        do {
          sizes_[entry] = sizes.Next() + 1;
        } while (others + ExtentsOf(sizes_[entry]) > most + kMaxValueBytes / 1024);
      }
      extents = others + ExtentsOf(sizes_[entry]);
      absl::Status put = Put(*worn_, entry);
      if (!put.ok()) return put;
    }
    uint32_t entry = 0;
    const std::vector<uint32_t> order = RandomCycle(static_cast<uint32_t>(sizes_.size()));
    do {
      absl::Status put = Put(*fresh_, entry);
      if (!put.ok()) return put;
      entry = order[entry];
    } while (entry != 0);
    return absl::OkStatus();
  }

  std::unique_ptr<Store> fresh_, worn_;
  std::vector<uint64_t> sizes_;  // of each entry's value
  const std::string value_ = std::string(kMaxValueBytes, 'v');
};

using Operation = absl::Status (*)(Store& store, const Key& key, absl::Span<char> value);

absl::Status Put(Store& store, const Key& key, absl::Span<char> value) {
  return store.Put(key.view(), {value.data(), value.size()}).status();
}
absl::Status Get(Store& store, const Key& key, absl::Span<char> value) {
  return store.Get(key.view(), value).status();
}

absl::Status Measure(benchmark::State& state, Wear& wear, size_t size, Operation operation) {
  std::string value(kSizes[size], 'p');
  const auto contestant = [&](const char* name, Store& store) -> Contestant {
    return {name, [&, picker = Picker(kEntriesPerSize)](size_t operations) mutable {
              for (; operations != 0; --operations) {
                const Key key(TokenOf(picker.Next() * std::size(kSizes) + size));
                absl::Status done = operation(store, key, absl::MakeSpan(value));
                if (!done.ok()) return done;
              }
              return absl::OkStatus();
            }};
  };
  for (auto _ : state) {
    const absl::StatusOr<std::vector<Figures>> figures = RoundRobin(
        {contestant("fresh", wear.fresh()), contestant("worn", wear.worn())}, absl::Seconds(1));
    if (!figures.ok()) return figures.status();
    state.counters["fresh_ns"] = figures->front().ns;
    state.counters["worn_ns"] = figures->back().ns;
    state.counters["vs_fresh"] = figures->back().vs_first;
  }
  return absl::OkStatus();
}

void Register(const char* what, uint64_t fill_percent, size_t size, Operation operation) {
  benchmark::RegisterBenchmark(
      absl::StrCat("BM_", what, "/", kSizes[size], "/", fill_percent).c_str(),
      [=](benchmark::State& state) {
        // One at a time, shared by the benchmarks of the same fill, which come one after the other.
        static std::unique_ptr<Wear> wear;
        static uint64_t wear_fill = 0;
        absl::Status status;
        if (wear_fill != fill_percent) {
          wear.reset();
          absl::StatusOr<std::unique_ptr<Wear>> made = Wear::Make(fill_percent);
          status = made.status();
          if (made.ok()) {
            wear = *std::move(made);
            wear_fill = fill_percent;
          }
        }
        if (status.ok()) status = Measure(state, *wear, size, operation);
        if (!status.ok()) state.SkipWithError(status.ToString().c_str());
      })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

void RegisterAll() {
  for (const uint64_t fill_percent : {50, 80, 95}) {
    for (size_t size = 0; size < std::size(kSizes); ++size) {
      Register("WornPut", fill_percent, size, Put);
      Register("WornGet", fill_percent, size, Get);
    }
  }
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  cubby::bench::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
