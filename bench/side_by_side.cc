#include "bench/side_by_side.h"

#include <chrono>
#include <utility>
#include <vector>

#include "bench/quantile.h"

namespace cubby::bench {
namespace {

using Clock = std::chrono::steady_clock;

double NanosPerOperation(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::nano>(to - from).count() / kTurn;
}

double TimeTurn(absl::FunctionRef<void(size_t)> turn) {
  const Clock::time_point started = Clock::now();
  turn(kTurn);
  return NanosPerOperation(started, Clock::now());
}

double Median(std::vector<double> samples) { return Quantile(std::move(samples), 0.5); }

}  // namespace

void SideBySide(benchmark::State& state, absl::FunctionRef<bool(size_t)> cubby,
                absl::FunctionRef<void(size_t)> floor, absl::FunctionRef<void(size_t)> map) {
  std::vector<double> cubby_ns, floor_ns, map_ns, to_floor, to_map;
  while (state.KeepRunningBatch(kTurn)) {
    state.PauseTiming();
    const double floor_before = TimeTurn(floor);
    state.ResumeTiming();

    const Clock::time_point started = Clock::now();
    const bool ok = cubby(kTurn);
    const Clock::time_point ended = Clock::now();

    state.PauseTiming();
    if (!ok) {
      state.SkipWithError("an operation gave an unexpected result");
      return;
    }
    const double floor_after = TimeTurn(floor);
    cubby_ns.push_back(NanosPerOperation(started, ended));
    floor_ns.push_back((floor_before + floor_after) / 2);
    map_ns.push_back(TimeTurn(map));
    to_floor.push_back(cubby_ns.back() / floor_ns.back());
    to_map.push_back(cubby_ns.back() / map_ns.back());
    state.ResumeTiming();
  }
  state.counters["ns"] = Median(cubby_ns);
  state.counters["floor_ns"] = Median(floor_ns);
  state.counters["map_ns"] = Median(map_ns);
  state.counters["vs_floor"] = Median(to_floor);
  state.counters["vs_map"] = Median(to_map);
}

}  // namespace cubby::bench
