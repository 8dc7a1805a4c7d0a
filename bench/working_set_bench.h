// Benchmarks over working sets: registration, and the rest of main().
//
//   int main(int argc, char** argv) {
//     cubby::bench::CurrentWorkingSet sets;
//     cubby::bench::RegisterSideBySide<64>("Put", 100'000, &sets, Put<64>);
//     return cubby::bench::RunRegistered(argc, argv);
//   }
#ifndef CUBBY_BENCH_WORKING_SET_BENCH_H_
#define CUBBY_BENCH_WORKING_SET_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/working_set.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {

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

// Runs the registered benchmarks that the command line asks for. Returns the process's exit code.
inline int RunRegistered(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_WORKING_SET_BENCH_H_
