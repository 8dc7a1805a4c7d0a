#include "bench/round_robin.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "bench/quantile.h"
#include "bench/side_by_side.h"

namespace cubby::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLeastRounds = 5;
constexpr double kTurnNanos = 5e5;

// ns per operation.
absl::StatusOr<double> TimeTurn(const Contestant& contestant, size_t operations) {
  const Clock::time_point started = Clock::now();
  const absl::Status done = contestant.run(operations);
  const std::chrono::duration<double, std::nano> took = Clock::now() - started;
  if (!done.ok()) {
    return absl::Status(done.code(), absl::StrCat(contestant.name, ": ", done.message()));
  }
  return std::max(took.count(), 1.0) / static_cast<double>(operations);
}

// How many operations fill a turn, at so many ns each.
size_t OperationsIn(double ns) {
  const double batches = kTurnNanos / ns / kBatch;
  return kBatch * static_cast<size_t>(std::clamp(batches, 1.0, 1.0 * kTurn / kBatch));
}

}  // namespace

absl::StatusOr<std::vector<Figures>> RoundRobin(const std::vector<Contestant>& contestants,
                                                absl::Duration time) {
  std::vector<size_t> operations;
  for (const Contestant& contestant : contestants) {
    absl::StatusOr<double> ns = TimeTurn(contestant, kBatch);
    if (ns.ok()) ns = TimeTurn(contestant, 4 * kBatch);  // warmer, so nearer to what is to come
    if (!ns.ok()) return ns.status();
    operations.push_back(OperationsIn(*ns));
  }
  std::vector<std::vector<double>> ns(contestants.size()), ratios(contestants.size());
  const Clock::time_point end = Clock::now() + absl::ToChronoNanoseconds(time);
  for (size_t round = 0; round < kLeastRounds || Clock::now() < end; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      const absl::StatusOr<double> took = TimeTurn(contestants[i], operations[i]);
      if (!took.ok()) return took.status();
      ns[i].push_back(*took);
      ratios[i].push_back(*took / ns[0].back());
    }
  }
  std::vector<Figures> figures;
  figures.reserve(contestants.size());
  for (size_t i = 0; i < contestants.size(); ++i) {
    figures.push_back({Quantile(ns[i], 0.5), Quantile(ns[i], 0.1), Quantile(ns[i], 0.9),
                       Quantile(ratios[i], 0.5)});
  }
  return figures;
}

}  // namespace cubby::bench
