// What do watched changes cost writers, and how soon does a watcher learn of one?
//
//   watch_bench --benchmark_filter='Put'
//
// Keys have 16 bytes and values 64; a store has 100,000 entries. One run compares these stores by
// turns (bench/round_robin.h): the Time is that of the first, in ns for a Put over a random entry,
// and the counters are the ratios of the others to it.
//
//   BM_WatchedPut   none, the Time's: a store without a change ring. unwatched: one with a ring
//   that
//                   nobody watches. recorded: changes are recorded, and no watcher sleeps. asleep:
//                   a watcher, in a thread of its own, follows each change
//   BM_WatcherWakes the time from before a Put to the return of Watcher::Next() in a thread that
//                   sleeps in it, p50_us and p99_us
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "bench/key.h"
#include "bench/local_store.h"
#include "bench/quantile.h"
#include "bench/random_order.h"
#include "bench/round_robin.h"
#include "benchmark/benchmark.h"
#include "client/store.h"
#include "client/watch.h"
#include "table/geometry.h"

namespace cubby::bench {
namespace {

constexpr uint32_t kEntries = 100'000;

absl::Status PutNumber(Store& store, uint64_t number) {
  static const std::array<char, 64> value = {'v'};
  return store.Put(Key(TokenOf(number)).view(), {value.data(), value.size()}).status();
}

absl::StatusOr<std::unique_ptr<Store>> MakeStore(absl::optional<uint64_t> changes_bytes) {
  table::GeometryOptions options;
  options.capacity = kEntries;
  options.max_value_bytes = 64;
  options.changes_bytes = changes_bytes;
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, MakeLocalStore(options));
  for (uint32_t i = 0; i < kEntries; ++i) RETURN_IF_ERROR(PutNumber(*store, i));
  return store;
}

// Follows a store in a thread until it is destroyed.
class Follower {
 public:
  explicit Follower(std::unique_ptr<Watcher> watcher)
      : watcher_(std::move(watcher)), thread_([this] {
          Change change;
          while (!stopped_) watcher_->Next(&change, absl::Milliseconds(10)).IgnoreError();
        }) {}
  ~Follower() {
    stopped_ = true;
    thread_.join();
  }

 private:
  const std::unique_ptr<Watcher> watcher_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

absl::Status WatchedPut(benchmark::State& state) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> none, MakeStore(0));
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> unwatched, MakeStore(absl::nullopt));
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> recorded, MakeStore(absl::nullopt));
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> asleep, MakeStore(absl::nullopt));
  ASSIGN_OR_RETURN(const std::unique_ptr<Watcher> recording, recorded->Watch({}));
  ASSIGN_OR_RETURN(std::unique_ptr<Watcher> watcher, asleep->Watch({}));
  const Follower follower(std::move(watcher));
  Picker picks(kEntries);
  const auto puts = [&picks](Store* store) {
    return [&picks, store](size_t operations) {
      absl::Status status;
      for (; operations != 0; --operations) status.Update(PutNumber(*store, picks.Next()));
      return status;
    };
  };
  for (auto _ : state) {
    ASSIGN_OR_RETURN(const std::vector<Figures> figures,
                     RoundRobin({{"none", puts(none.get())},
                                 {"unwatched", puts(unwatched.get())},
                                 {"recorded", puts(recorded.get())},
                                 {"asleep", puts(asleep.get())}},
                                absl::Seconds(2)));
    state.SetIterationTime(figures[0].ns / 1e9);
    state.counters["unwatched"] = figures[1].vs_first;
    state.counters["recorded"] = figures[2].vs_first;
    state.counters["asleep"] = figures[3].vs_first;
  }
  return absl::OkStatus();
}

absl::Status WatcherWakes(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, MakeStore(absl::nullopt));
  ASSIGN_OR_RETURN(const std::unique_ptr<Watcher> watcher, store->Watch({}));
  constexpr int kWakes = 2'000;
  for (auto _ : state) {
    std::vector<double> us;
    std::atomic<Clock::rep> began{0};
    std::thread writer([&] {
      for (int i = 0; i < kWakes; ++i) {
        // So that the watcher sleeps again.
        while (began != 0) std::this_thread::yield();
        absl::SleepFor(absl::Microseconds(200));
        began = Clock::now().time_since_epoch().count();
        PutNumber(*store, i).IgnoreError();
      }
    });
    Change change;
    absl::Status status;
    for (int i = 0; i < kWakes; ++i) {
      status.Update(watcher->Next(&change));
      const Clock::time_point woken = Clock::now();
      us.push_back(std::chrono::duration<double, std::micro>(woken.time_since_epoch() -
                                                             Clock::duration(began.exchange(0)))
                       .count());
    }
    writer.join();
    RETURN_IF_ERROR(status);
    state.SetIterationTime(Quantile(us, 0.5) / 1e6);
    state.counters["p50_us"] = Quantile(us, 0.5);
    state.counters["p99_us"] = Quantile(us, 0.99);
  }
  return absl::OkStatus();
}

void Register(const char* name, absl::Status (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name,
                               [run](benchmark::State& state) {
                                 const absl::Status status = run(state);
                                 if (!status.ok()) state.SkipWithError(status.ToString().c_str());
                               })
      ->UseManualTime()
      ->Iterations(5);
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  cubby::bench::Register("BM_WatchedPut", cubby::bench::WatchedPut);
  cubby::bench::Register("BM_WatcherWakes", cubby::bench::WatcherWakes);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
