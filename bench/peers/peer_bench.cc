// How fast is cubby beside what else keeps keys and values for several processes, on the same work
// in the same run?
//
//   peer_bench --benchmark_filter='get_hit/.*/64/100000'
//   peer_bench --quick          small stores and few turns: whether it works, not how fast
//
// `tools/bench` builds and runs it and makes a report of what it prints. Keys have 16 bytes; every
// peer copies values into the caller's memory, and has been checked to give the right ones.
//
//   WORK/WHO/VALUE_BYTES/ENTRIES    works.h has the works and who does them. In one process, by
//                                   turns (round_robin.h). Time: ns per operation, the median turn;
//                                   low_ns, high_ns: a tenth of the turns were faster, slower;
//                                   vs_cubby: the median of the ratios to cubby's turn before
//   load/WHO/VALUE_BYTES/ENTRIES    putting all entries into the empty store, by 256: Time is the
//                                   mean for an entry, as this is done once; low_ns, high_ns: a
//                                   tenth of the batches were faster, slower
//   readers_N/PEER/...              N processes that get random entries at the same time: Time is
//                                   one over the gets per second of all (`per_second`)
//   reader_alone/PEER/...           the same of one process, but of the entries with even numbers,
//   reader_writer/PEER/...          and that while another process puts the others
//   latency/PEER/...                a process that gets random entries, each get timed by itself:
//                                   percentiles p50_ns and so on, and max_ns. Time is the median
//   tail_alone/PEER/...             the same with one key, got again and again,
//   tail_writer/PEER/...            and that while another process puts it again and again
//   attach/PEER/...                 opening the store, a get, and closing it, in a process that has
//                                   done so before; "PEER_read_only" if it opens it to get only.
//                                   The median
//   fresh_get/PEER                  a get from the shell: `cubby get`, `redis-cli get`; the floor
//                                   is a program that does nothing, linked statically. The median
//
// All rows of one work and store are measured together when the first of them is asked for,
// whatever else a filter leaves out.
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "bench/peers/description.h"
#include "bench/peers/effort.h"
#include "bench/peers/measures.h"
#include "bench/peers/peers.h"
#include "bench/peers/rows.h"
#include "bench/peers/session.h"
#include "bench/peers/works.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {
namespace {

// The rows of a run, as benchmarks. Must outlive their run.
class Plan {
 public:
  explicit Plan(Session* session) : session_(session) {}

  // Registers all rows, those of a store one behind the other: each store is filled once.
  void RegisterAll();
  // Whether a row that was asked for could not be measured.
  bool failed() const { return failed_; }

 private:
  using Measure = std::function<absl::StatusOr<Rows>(Session&)>;

  void RegisterShared(const std::string& tail);
  // Registers a row WORK/WHO*tail for each of `who`. `measure` gives all of them.
  void Register(const std::string& work, const std::vector<std::string>& who,
                const std::string& tail, const Measure& measure);
  // What `measure` gives: it is called once for each `name`.
  const absl::StatusOr<Rows>& RowsOf(const std::string& name, const Measure& measure);

  Session* const session_;
  const std::vector<PeerKind> kinds_ = AllPeers();
  std::map<std::string, absl::StatusOr<Rows>> rows_;
  bool failed_ = false;
};

void Plan::RegisterAll() {
  std::vector<std::string> all;
  for (const PeerKind& kind : kinds_) all.push_back(kind.name);
  for (const StoreSize& size : session_->effort().stores) {
    const std::string tail = absl::StrCat("/", size.value_bytes, "/", size.entries);
    Register("load", all, tail, [=](Session& session) { return MeasureLoad(session, size); });
    for (const char* const work : kWorks) {
      Register(work, ContestantsOf(work, kinds_), tail,
               [=](Session& session) { return MeasureTurns(session, work, size); });
    }
    if (size.value_bytes == kSharedValueBytes &&
        size.entries == session_->effort().shared_entries) {
      RegisterShared(tail);
    }
  }
  std::vector<std::string> fresh = {"cubby", "floor_process"};
#if CUBBY_WITH_REDIS
  fresh.emplace_back("redis");
#endif
  Register("fresh_get", fresh, "", MeasureFreshGet);
}

void Plan::RegisterShared(const std::string& tail) {
  std::vector<std::string> shared, attached;
  for (const PeerKind& kind : kinds_) {
    if (!kind.shared) continue;
    shared.push_back(kind.name);
    attached.push_back(kind.name);
    if (kind.open_to_read != nullptr) attached.push_back(absl::StrCat(kind.name, kReadOnly));
  }
  for (size_t readers = 1; readers <= kReaders; ++readers) {
    Register(absl::StrCat("readers_", readers), shared, tail,
             [=](Session& session) { return MeasureReaders(session, readers); });
  }
  Register("reader_alone", shared, tail,
           [](Session& session) { return MeasureReader(session, absl::nullopt); });
  Register("reader_writer", shared, tail,
           [](Session& session) { return MeasureReader(session, Work::kPutOdd); });
  Register("latency", shared, tail, [](Session& session) {
    return MeasureLatency(session, Work::kGetTimed, absl::nullopt);
  });
  Register("tail_alone", shared, tail, [](Session& session) {
    return MeasureLatency(session, Work::kGetHotTimed, absl::nullopt);
  });
  Register("tail_writer", shared, tail, [](Session& session) {
    return MeasureLatency(session, Work::kGetHotTimed, Work::kPutHot);
  });
  Register("attach", attached, tail, MeasureAttach);
}

void Plan::Register(const std::string& work, const std::vector<std::string>& who,
                    const std::string& tail, const Measure& measure) {
  for (const std::string& one : who) {
    const std::string name = absl::StrCat(work, "/", one, tail);
    const auto run = [=](benchmark::State& state) {
      const absl::StatusOr<Rows>& rows = RowsOf(absl::StrCat(work, tail), measure);
      if (!rows.ok() || rows->count(one) == 0) {
        failed_ = true;
        state.SkipWithError(rows.ok() ? "not measured" : rows.status().ToString().c_str());
        return;
      }
      const Row& row = rows->at(one);
      for (auto _ : state) state.SetIterationTime(row.ns / 1e9);
      for (const auto& [counter, value] : row.counters) state.counters[counter] = value;
    };
    benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Iterations(1);
  }
}

const absl::StatusOr<Rows>& Plan::RowsOf(const std::string& name, const Measure& measure) {
  const auto known = rows_.find(name);
  if (known != rows_.end()) return known->second;
  return rows_.emplace(name, measure(*session_)).first->second;
}

// Returns the process's exit code.
int Run(const Effort& effort) {
  const absl::StatusOr<std::unique_ptr<Session>> session = Session::Start(effort);
  if (!session.ok()) {
    std::fprintf(stderr, "peer_bench: %s\n", session.status().ToString().c_str());
    return 1;
  }
  Describe(effort);
  Plan plan(session->get());
  plan.RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return plan.failed() ? 1 : 0;
}

}  // namespace
}  // namespace cubby::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (quick) {
    for (int i = 1; i < argc; ++i) argv[i] = argv[i + 1];
    --argc;
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  return cubby::bench::Run(quick ? cubby::bench::QuickEffort() : cubby::bench::WholeEffort());
}
