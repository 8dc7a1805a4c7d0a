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
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "bench/peers/peers.h"
#include "bench/peers/program.h"
#include "bench/peers/stage.h"
#include "bench/peers/worker.h"
#include "bench/peers/works.h"
#include "bench/quantile.h"
#include "bench/round_robin.h"
#include "benchmark/benchmark.h"
#include "client/store.h"
#include "os/tick_clock.h"

namespace cubby::bench {
namespace {

// As many readers at once at most; and a writer.
constexpr size_t kReaders = 4;

// Keys and values of one store: all peers have theirs in memory at the same time, each up to twice
// as large.
constexpr uint64_t kMostBytes = uint64_t{1250} << 20;

// How much is measured.
struct Effort {
  std::vector<uint32_t> value_bytes;
  std::vector<uint32_t> entries;
  uint64_t most_bytes;
  // Where several processes work at once: with values of 64 bytes.
  uint32_t shared_entries;
  absl::Duration turns;  // for all turns of a work
  absl::Duration task;   // for a process, each time
  int rounds;            // how often
};

Effort Whole() {
  Effort effort;
  effort.value_bytes = {8, 64, 1024, 65536};
  effort.entries = {10'000, 100'000, 1'000'000, 8'000'000};
  effort.most_bytes = kMostBytes;
  effort.shared_entries = 1'000'000;
  effort.turns = absl::Seconds(3);
  effort.task = absl::Milliseconds(300);
  effort.rounds = 6;
  return effort;
}

Effort Quick() {
  Effort effort;
  effort.value_bytes = {8, 64, 1024, 65536};
  effort.entries = {1'000, 10'000, 100'000};
  effort.most_bytes = uint64_t{70} << 20;
  effort.shared_entries = 10'000;
  effort.turns = absl::Milliseconds(60);
  effort.task = absl::Milliseconds(20);
  effort.rounds = 2;
  return effort;
}

constexpr uint32_t kSharedValueBytes = 64;

bool Fits(const Effort& effort, uint32_t value_bytes, uint32_t entries) {
  return (sizeof(Key) + value_bytes) * uint64_t{entries} <= effort.most_bytes;
}

// A row of the report.
struct Row {
  double ns;
  std::vector<std::pair<std::string, double>> counters;
};
using Rows = std::map<std::string, Row>;  // by who

Rows MediansOf(const std::map<std::string, std::vector<double>>& samples) {
  Rows rows;
  for (const auto& [who, times] : samples) {
    rows[who] = {Quantile(times, 0.5),
                 {{"low_ns", Quantile(times, 0.1)}, {"high_ns", Quantile(times, 0.9)}}};
  }
  return rows;
}

// Ends the name of who opens a store to get only.
constexpr char kReadOnly[] = "_read_only";

// Measures on demand, and keeps the stores of one cell open.
class Session {
 public:
  Session(const Effort& effort, std::vector<std::unique_ptr<Worker>> workers)
      : effort_(effort), workers_(std::move(workers)) {}
  ~Session() { Leave(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What `measure` gives, called once for each `name`.
  const absl::StatusOr<Rows>& RowsOf(const std::string& name,
                                     const std::function<absl::StatusOr<Rows>()>& measure) {
    const auto known = rows_.find(name);
    if (known != rows_.end()) return known->second;
    return rows_.emplace(name, measure()).first->second;
  }

  absl::StatusOr<Rows> Turns(const std::string& work, uint32_t value_bytes, uint32_t entries) {
    const absl::Status entered = Enter(value_bytes, entries);
    if (!entered.ok()) return entered;
    const std::vector<Contestant> contestants = MakeContestants(work, *stage_);
    const absl::StatusOr<std::vector<Figures>> figures = RoundRobin(contestants, effort_.turns);
    if (!figures.ok()) return figures.status();
    Rows rows;
    for (size_t i = 0; i < contestants.size(); ++i) {
      const Figures& f = (*figures)[i];
      rows[contestants[i].name] = {
          f.ns, {{"low_ns", f.low_ns}, {"high_ns", f.high_ns}, {"vs_cubby", f.vs_first}}};
    }
    return rows;
  }

  // The gets per second of `readers` processes.
  absl::StatusOr<Rows> Readers(size_t readers) {
    std::map<std::string, std::vector<double>> rates;
    const absl::Status done = ForSharedPeers([&](uint32_t peer) -> absl::Status {
      const absl::StatusOr<double> rate = ReadTogether(readers, peer, effort_.task);
      if (rate.ok()) rates[stage_->kinds()[peer].name].push_back(*rate);
      return rate.status();
    });
    if (!done.ok()) return done;
    Rows rows;
    for (const auto& [who, samples] : rates) {
      const double rate = Quantile(samples, 0.5);
      rows[who] = {1e9 / rate, {{"per_second", rate}}};
    }
    return rows;
  }

  // How long single gets of a process take: of random entries, or of one, which may be put again
  // and again by another process meanwhile.
  absl::StatusOr<Rows> Latency(Work gets, absl::optional<Work> puts) {
    const absl::StatusOr<std::map<std::string, Both>> measured = BesideWriter(gets, puts);
    if (!measured.ok()) return measured.status();
    Rows rows;
    for (const auto& [who, both] : *measured) {
      const Outcome& all = both.gets.back();  // a series
      rows[who] = {all.p50,
                   {{"p50_ns", all.p50},
                    {"p90_ns", all.p90},
                    {"p99_ns", all.p99},
                    {"p999_ns", all.p999},
                    {"p9999_ns", all.p9999},
                    {"max_ns", all.max},
                    {"gets", static_cast<double>(all.timed)}}};
      AddPuts(both, &rows[who]);
    }
    return rows;
  }

  // How many entries a process gets, maybe while another puts others.
  absl::StatusOr<Rows> Reader(absl::optional<Work> puts) {
    const absl::StatusOr<std::map<std::string, Both>> measured = BesideWriter(Work::kGetEven, puts);
    if (!measured.ok()) return measured.status();
    Rows rows;
    for (const auto& [who, both] : *measured) {
      const double rate = MedianRate(both.gets);
      rows[who] = {1e9 / rate, {{"per_second", rate}}};
      AddPuts(both, &rows[who]);
    }
    return rows;
  }

  // What it took to put new entries when the store was filled: once, so it is no median.
  absl::StatusOr<Rows> Load(uint32_t value_bytes, uint32_t entries) {
    const absl::Status entered = Enter(value_bytes, entries);
    if (!entered.ok()) return entered;
    const auto mean = [this](size_t peer) {
      const std::vector<double>& batches = stage_->fill_ns(peer);
      return std::accumulate(batches.begin(), batches.end(), 0.0) /
             static_cast<double>(batches.size());
    };
    Rows rows;
    for (size_t i = 0; i < stage_->kinds().size(); ++i) {
      rows[stage_->kinds()[i].name] = {mean(i),
                                       {{"low_ns", Quantile(stage_->fill_ns(i), 0.1)},
                                        {"high_ns", Quantile(stage_->fill_ns(i), 0.9)},
                                        {"vs_cubby", mean(i) / mean(0)}}};
    }
    return rows;
  }

  // What it takes to open a store, get one value and close it.
  absl::StatusOr<Rows> Attach() {
    std::map<std::string, std::vector<double>> samples;
    const Key key(TokenOf(0));
    std::vector<char> value(kSharedValueBytes);
    // For a share of the time that a task has.
    const auto time = [&](const std::string& who, decltype(PeerKind::open) open) -> absl::Status {
      const absl::Time end = absl::Now() + effort_.task;
      while (absl::Now() < end) {
        const absl::Time began = absl::Now();
        {
          const absl::StatusOr<std::unique_ptr<Peer>> peer = open(stage_->cell());
          if (!peer.ok()) return peer.status();
          const absl::StatusOr<bool> found = (*peer)->Get(key, absl::MakeSpan(value));
          if (!found.ok()) return found.status();
          if (!*found) return absl::DataLossError("an entry is missing");
        }
        samples[who].push_back(absl::ToDoubleNanoseconds(absl::Now() - began));
      }
      return absl::OkStatus();
    };
    const absl::Status done = ForSharedPeers([&](uint32_t peer) {
      const PeerKind& kind = stage_->kinds()[peer];
      return stage_->WhileClosed(peer, [&] {
        const absl::Status timed = time(kind.name, kind.open);
        if (!timed.ok() || kind.open_to_read == nullptr) return timed;
        return time(absl::StrCat(kind.name, kReadOnly), kind.open_to_read);
      });
    });
    if (!done.ok()) return done;
    return MediansOf(samples);
  }

  // A get from the shell, with the process that does it.
  absl::StatusOr<Rows> FreshGet() {
    Leave();
    const absl::StatusOr<std::unique_ptr<CellFolder>> folder =
        CellFolder::Make(kSharedValueBytes, 1000);
    if (!folder.ok()) return folder.status();
    const Cell& cell = (*folder)->cell();
    const std::string value(cell.value_bytes, 'v');
    Key key(0);
    std::memcpy(key.words, "sixteen-byte-key", sizeof(key.words));
    std::map<std::string, std::vector<std::string>> commands = {{"floor_process", {CUBBY_EMPTY}}};
    std::vector<std::unique_ptr<Host>> hosts;
    for (const PeerKind& kind : AllPeers()) {
      if (kind.name == "cubby") {
        commands[kind.name] = {CUBBY_CLI, "get", "--store", cell.name, std::string(key.view())};
#if CUBBY_WITH_REDIS
      } else if (kind.name == "redis") {
        commands[kind.name] = {CUBBY_REDIS_CLI, "-s", RedisSocketOf(cell), "get",
                               std::string(key.view())};
#endif
      } else {
        continue;
      }
      absl::StatusOr<std::unique_ptr<Host>> host = kind.start(cell);
      if (!host.ok()) return host.status();
      hosts.push_back(*std::move(host));
      const absl::StatusOr<std::unique_ptr<Peer>> peer = kind.open(cell);
      if (!peer.ok()) return peer.status();
      const absl::Status put = (*peer)->Put(key, value);
      if (!put.ok()) return put;
      const std::string out = absl::StrCat(cell.folder, "/out");
      const absl::Status ran = TimeCommand(commands[kind.name], out).status();
      if (!ran.ok()) return ran;
      if (absl::StripSuffix(ReadFile(out), "\n") != value) {
        return absl::DataLossError(absl::StrCat(kind.name, ": gave a wrong answer"));
      }
    }
    std::map<std::string, std::vector<double>> samples;
    for (int round = 0; round < 50 * effort_.rounds; ++round) {
      for (const auto& [who, command] : commands) {
        const absl::StatusOr<absl::Duration> took = TimeCommand(command);
        if (!took.ok()) return took.status();
        samples[who].push_back(absl::ToDoubleNanoseconds(*took));
      }
    }
    return MediansOf(samples);
  }

  // Closes all stores.
  void Leave() {
    if (shared_) {
      for (const std::unique_ptr<Worker>& worker : workers_) worker->Close().IgnoreError();
    }
    shared_ = false;
    stage_.reset();
  }

 private:
  // What tasks gave: one after the other.
  struct Both {
    std::vector<Outcome> gets;
    std::vector<Outcome> puts;  // at the same time; none if nobody puts
  };

  static double RateOf(const Outcome& outcome) {
    return static_cast<double>(outcome.operations) / outcome.seconds;
  }
  static double MedianRate(const std::vector<Outcome>& outcomes) {
    std::vector<double> rates;
    rates.reserve(outcomes.size());
    for (const Outcome& outcome : outcomes) rates.push_back(RateOf(outcome));
    return Quantile(std::move(rates), 0.5);
  }
  static void AddPuts(const Both& both, Row* row) {
    if (both.puts.empty()) return;
    row->counters.emplace_back("puts_per_second", MedianRate(both.puts));
  }

  // One process gets, and another, if it is told what, puts: with one shared peer after the other.
  absl::StatusOr<std::map<std::string, Both>> BesideWriter(Work gets, absl::optional<Work> puts) {
    ++series_;
    std::map<std::string, Both> all;
    const auto measure = [&](uint32_t peer) -> absl::Status {
      Worker& reader = *workers_.front();
      Worker& writer = *workers_.back();
      Both& both = all[stage_->kinds()[peer].name];
      Task task = MakeTask(gets, peer, effort_.task);
      task.seed = ++seed_;
      task.series = series_ * 100 + peer;
      absl::Status status;
      if (puts.has_value()) {
        Task put = task;
        put.work = *puts;
        status = writer.Begin(put);
        if (!status.ok()) return status;
      }
      status = reader.Begin(task);
      if (!status.ok()) return status;
      const auto finish = [&status](Worker& worker, std::vector<Outcome>* outcomes) {
        const absl::StatusOr<Outcome> outcome = worker.Finish();
        status.Update(outcome.status());
        if (outcome.ok()) outcomes->push_back(*outcome);
      };
      finish(reader, &both.gets);
      if (puts.has_value()) finish(writer, &both.puts);
      return status;
    };
    const absl::Status done = ForSharedPeers(measure);
    if (!done.ok()) return done;
    return all;
  }

  absl::Status Enter(uint32_t value_bytes, uint32_t entries) {
    if (stage_ != nullptr && stage_->cell().value_bytes == value_bytes &&
        stage_->cell().entries == entries) {
      return absl::OkStatus();
    }
    Leave();
    absl::StatusOr<std::unique_ptr<Stage>> stage = Stage::Make(value_bytes, entries);
    if (!stage.ok()) return stage.status();
    stage_ = *std::move(stage);
    return absl::OkStatus();
  }

  // The same with the stores open in all workers too.
  absl::Status EnterShared() {
    const absl::Status entered = Enter(kSharedValueBytes, effort_.shared_entries);
    if (!entered.ok() || shared_) return entered;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      const absl::Status opened = worker->Open(stage_->cell());
      if (!opened.ok()) return opened;
    }
    shared_ = true;
    // Whoever maps a store takes page faults when it first looks at each of its parts.
    for (uint32_t peer = 0; peer < stage_->kinds().size(); ++peer) {
      if (!stage_->kinds()[peer].shared) continue;
      const absl::Status read = ReadTogether(workers_.size(), peer, 2 * effort_.task).status();
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  }

  // The gets of random entries per second, of so many processes at the same time.
  absl::StatusOr<double> ReadTogether(size_t readers, uint32_t peer, absl::Duration time) {
    Task task = MakeTask(Work::kGet, peer, time);
    for (size_t i = 0; i < readers; ++i) {
      task.seed = ++seed_;
      const absl::Status begun = workers_[i]->Begin(task);
      if (!begun.ok()) return begun;
    }
    double rate = 0;
    absl::Status status;
    for (size_t i = 0; i < readers; ++i) {
      const absl::StatusOr<Outcome> outcome = workers_[i]->Finish();
      status.Update(outcome.status());
      if (outcome.ok()) rate += RateOf(*outcome);
    }
    if (!status.ok()) return status;
    return rate;
  }

  // Calls `measure` with one shared peer after the other, so often.
  absl::Status ForSharedPeers(const std::function<absl::Status(uint32_t peer)>& measure) {
    const absl::Status entered = EnterShared();
    if (!entered.ok()) return entered;
    for (int round = 0; round < effort_.rounds; ++round) {
      for (uint32_t peer = 0; peer < stage_->kinds().size(); ++peer) {
        if (!stage_->kinds()[peer].shared) continue;
        const absl::Status measured = measure(peer);
        if (!measured.ok()) {
          return absl::Status(measured.code(),
                              absl::StrCat(stage_->kinds()[peer].name, ": ", measured.message()));
        }
      }
    }
    return absl::OkStatus();
  }

  const Effort effort_;
  const std::vector<std::unique_ptr<Worker>> workers_;  // the last is the writer
  std::unique_ptr<Stage> stage_;
  bool shared_ = false;  // whether the workers have the stage's stores open
  uint64_t seed_ = 0;
  uint32_t series_ = 0;
  std::map<std::string, absl::StatusOr<Rows>> rows_;
};

// Whether a row could not be measured.
bool failed = false;

// Registers a row of `work`/*`tail` for each of `who`, all of which `measure` gives.
void Register(Session* session, const std::string& work, const std::vector<std::string>& who,
              const std::string& tail, const std::function<absl::StatusOr<Rows>()>& measure) {
  for (const std::string& one : who) {
    const std::string name = absl::StrCat(work, "/", one, tail);
    const auto run = [=](benchmark::State& state) {
      const absl::StatusOr<Rows>& rows = session->RowsOf(absl::StrCat(work, tail), measure);
      if (!rows.ok() || rows->count(one) == 0) {
        failed = true;
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

void RegisterAll(const Effort& effort, Session* session) {
  const std::vector<PeerKind> kinds = AllPeers();
  std::vector<std::string> all, shared, attached;
  for (const PeerKind& kind : kinds) {
    all.push_back(kind.name);
    if (!kind.shared) continue;
    shared.push_back(kind.name);
    attached.push_back(kind.name);
    if (kind.open_to_read != nullptr) attached.push_back(absl::StrCat(kind.name, kReadOnly));
  }
  // By store first: each is filled once.
  for (const uint32_t value_bytes : effort.value_bytes) {
    for (const uint32_t entries : effort.entries) {
      if (!Fits(effort, value_bytes, entries)) continue;
      const std::string tail = absl::StrCat("/", value_bytes, "/", entries);
      Register(session, "load", all, tail, [=] { return session->Load(value_bytes, entries); });
      for (const char* const work : kWorks) {
        Register(session, work, ContestantsOf(work, kinds), tail,
                 [=] { return session->Turns(work, value_bytes, entries); });
      }
      if (value_bytes != kSharedValueBytes || entries != effort.shared_entries) continue;
      for (size_t readers = 1; readers <= kReaders; ++readers) {
        Register(session, absl::StrCat("readers_", readers), shared, tail,
                 [=] { return session->Readers(readers); });
      }
      Register(session, "reader_alone", shared, tail,
               [=] { return session->Reader(absl::nullopt); });
      Register(session, "reader_writer", shared, tail,
               [=] { return session->Reader(Work::kPutOdd); });
      Register(session, "latency", shared, tail,
               [=] { return session->Latency(Work::kGetTimed, absl::nullopt); });
      Register(session, "tail_alone", shared, tail,
               [=] { return session->Latency(Work::kGetHotTimed, absl::nullopt); });
      Register(session, "tail_writer", shared, tail,
               [=] { return session->Latency(Work::kGetHotTimed, Work::kPutHot); });
      Register(session, "attach", attached, tail, [=] { return session->Attach(); });
    }
  }
  std::vector<std::string> fresh = {"cubby", "floor_process"};
#if CUBBY_WITH_REDIS
  fresh.emplace_back("redis");
#endif
  Register(session, "fresh_get", fresh, "", [=] { return session->FreshGet(); });
}

// What two readings of the clock with nothing between them are apart, usually.
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

// What the report tells besides the rows.
void Describe(const Effort& effort) {
  for (const PeerKind& kind : AllPeers()) {
    benchmark::AddCustomContext(absl::StrCat("peer.", kind.name), kind.about);
  }
  benchmark::AddCustomContext("absent", absl::StrJoin(AbsentPeers(), ", "));
  std::vector<std::string> left_out;
  for (const uint32_t value_bytes : effort.value_bytes) {
    for (const uint32_t entries : effort.entries) {
      if (!Fits(effort, value_bytes, entries)) {
        left_out.push_back(absl::StrCat(value_bytes, "x", entries));
      }
    }
  }
  benchmark::AddCustomContext("left_out", absl::StrJoin(left_out, ", "));
  benchmark::AddCustomContext("most_mib", absl::StrCat(effort.most_bytes >> 20));
  benchmark::AddCustomContext("clock_ns", absl::StrCat(ClockNanos()));
}

// The process's exit code.
int Run(const Effort& effort) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < kReaders + 1; ++i) {
    absl::StatusOr<std::unique_ptr<Worker>> worker = Worker::Start();
    if (!worker.ok()) {
      std::fprintf(stderr, "peer_bench: %s\n", worker.status().ToString().c_str());
      return 1;
    }
    workers.push_back(*std::move(worker));
  }
  Session session(effort, std::move(workers));
  Describe(effort);
  RegisterAll(effort, &session);
  benchmark::RunSpecifiedBenchmarks();
  return failed ? 1 : 0;
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
  return cubby::bench::Run(quick ? cubby::bench::Quick() : cubby::bench::Whole());
}
