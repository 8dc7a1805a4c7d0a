#include "bench/peers/description.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/peers/peers.h"
#include "bench/quantile.h"
#include "benchmark/benchmark.h"
#include "os/tick_clock.h"

namespace cubby::bench {
namespace {

// Returns the median time between two readings of the clock with nothing between them.
double ClockNanos() {
  std::vector<double> ticks;
  const absl::Time began = absl::Now();
  const uint64_t began_ticks = os::Ticks();
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t before = os::Ticks();
    ticks.push_back(static_cast<double>(os::Ticks() - before));
  }
  const double ns = absl::ToDoubleNanoseconds(absl::Now() - began);
  return Quantile(ticks, 0.5) * ns / static_cast<double>(os::Ticks() - began_ticks);
}

}  // namespace

void Describe(const Effort& effort) {
  for (const PeerKind& kind : AllPeers()) {
    benchmark::AddCustomContext(absl::StrCat("peer.", kind.name), kind.about);
  }
  benchmark::AddCustomContext("absent", absl::StrJoin(AbsentPeers(), ", "));
  const auto append = [](std::string* out, const StoreSize& size) {
    absl::StrAppend(out, size.value_bytes, "x", size.entries);
  };
  benchmark::AddCustomContext("left_out", absl::StrJoin(effort.left_out, ", ", append));
  benchmark::AddCustomContext("most_mib", absl::StrCat(effort.most_bytes >> 20));
  benchmark::AddCustomContext("clock_ns", absl::StrCat(ClockNanos()));
}

}  // namespace cubby::bench
