// trace: plays recorded requests against the store, and against simulated caches of other policies.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "cli/byte_source.h"
#include "cli/cli.h"
#include "cli/gzip.h"
#include "cli/input.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "cli/policies.h"
#include "cli/status.h"
#include "cli/text.h"
#include "program/interruption.h"
#include "program/output.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

constexpr int kMaxEntries = 2'147'483'647;
constexpr int kMaxValueBytes = 1 << 30;

struct TraceOptions {
  std::string file;
  std::vector<std::string> against;
  int entries = 0;  // 0: the store's capacity
  int value_bytes = 1;
  bool json = false;
};

// How far the command got: counted by one thread, read also by a signal handler. Relaxed, because
// that uses nothing that the numbers publish.
class Played {
 public:
  void CountRequest(bool hit) {
    Count(&requests_);
    if (!hit) Count(&misses_);
  }
  void CountEmptyLine() { Count(&empty_lines_); }

  uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }
  uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }
  uint64_t empty_lines() const { return empty_lines_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> misses_{0};
  std::atomic<uint64_t> empty_lines_{0};

  static void Count(std::atomic<uint64_t>* counter) {
    // No other thread counts.
    counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

Played played;  // outlives what a signal interrupts

// Writes "98 requests, 20 misses" to `buffer` without allocation; returns it.
absl::string_view SummaryIn(absl::Span<char> buffer) {
  const int size =
      absl::SNPrintF(buffer.data(), buffer.size(), "%d %s, %d %s", played.requests(),
                     base::OneOrMany(played.requests(), "request", "requests"), played.misses(),
                     base::OneOrMany(played.misses(), "miss", "misses"));
  return {buffer.data(), static_cast<size_t>(size)};
}

// For a signal handler.
absl::string_view LastWords() {
  static char words[256];
  char summary[128];
  const int size =
      absl::SNPrintF(words, sizeof(words), "cubby: interrupted after line %d: %s\n",
                     played.requests() + played.empty_lines(), SummaryIn(absl::MakeSpan(summary)));
  return {words, static_cast<size_t>(size)};
}

struct Simulation {
  const char* name;
  std::unique_ptr<Policy> policy;
  uint64_t misses = 0;
};

// Returns the policies of those names, each at most once.
absl::StatusOr<std::vector<const PolicyKind*>> PoliciesOf(const std::vector<std::string>& names) {
  std::vector<const PolicyKind*> kinds;
  for (const std::string& name : names) {
    const PolicyKind* const kind = FindPolicy(name);
    if (kind == nullptr) {
      const auto append_name = [](std::string* out, const PolicyKind& policy) {
        out->append(policy.name);
      };
      return absl::InvalidArgumentError(absl::StrCat("--against ", Quoted(name),
                                                     ": the policies are ",
                                                     absl::StrJoin(Policies(), ", ", append_name)));
    }
    if (absl::c_linear_search(kinds, kind)) {
      return absl::InvalidArgumentError(absl::StrCat("--against names ", name, " twice"));
    }
    kinds.push_back(kind);
  }
  return kinds;
}

// Gets `key` and puts it if it is missing. Returns whether it was there. `got` is any string; it
// keeps its memory from call to call.
absl::StatusOr<bool> Request(Store& store, absl::string_view key, absl::string_view value,
                             std::string* got) {
  const absl::Status get = store.Get(key, got).status();
  if (get.ok()) return true;
  if (!absl::IsNotFound(get)) return get;
  const absl::Status put = store.Put(key, value).status();
  if (put.ok()) return false;
  if (!absl::IsResourceExhausted(put)) return put;
  return absl::ResourceExhaustedError(absl::StrCat(
      put.message(), "; cubbyd --full evict makes a store that evicts others instead"));
}

// Plays the lines in `source`.
absl::Status Play(Store& store, ByteSource source, absl::string_view value,
                  std::vector<Simulation>* simulations) {
  // One more for the CR of a line end. A key somewhat longer is refused by the store.
  const uint64_t max_key_bytes = store.limits().max_key_bytes;
  LineReader lines(std::move(source), max_key_bytes + 1);
  std::string got;
  for (uint64_t number = 1;; ++number) {
    bool ended = false;
    const auto line = lines.Next(&ended);
    if (absl::IsOutOfRange(line.status())) {
      return AtLine(number,
                    absl::OutOfRangeError(absl::StrCat("the key has more than ", max_key_bytes,
                                                       " bytes, the limit: use a shorter key")));
    }
    if (!line.ok()) return AtLine(number, line.status());
    if (!line->has_value()) return absl::OkStatus();
    const absl::string_view key = ended ? absl::StripSuffix(**line, "\r") : **line;
    if (key.empty()) {
      played.CountEmptyLine();
      continue;
    }
    ASSIGN_OR_RETURN_AS(const bool hit, Request(store, key, value, &got), AtLine(number, status));
    played.CountRequest(hit);
    for (Simulation& simulation : *simulations) {
      if (!simulation.policy->Request(key)) ++simulation.misses;
    }
  }
}

void WarnUnlessEmpty(const Store& store) {
  const uint64_t entries = store.Stats().entries;
  if (entries == 0) return;
  program::PrintMessage("cubby", absl::StrCat("store ", store.name(), " already holds ", entries,
                                              base::OneOrMany(entries, " entry", " entries"),
                                              ", which can be hits: `cubby flush` empties it"));
}

ExitCode Trace(Store& store, const TraceOptions& options,
               const std::vector<const PolicyKind*>& kinds) {
  const uint64_t entries = options.entries > 0 ? options.entries : store.limits().capacity;
  std::vector<Simulation> simulations;
  simulations.reserve(kinds.size());
  for (const PolicyKind* kind : kinds) simulations.push_back({kind->name, kind->make(entries)});
  const bool from_input = options.file == "-";
  ASSIGN_OR_RETURN_AS(std::FILE* const file,
                      from_input ? absl::StatusOr<std::FILE*>(stdin) : OpenInput(options.file),
                      Fail(status, Subject::kEntry));
  const absl::Cleanup close_file = [file] { std::fclose(file); };
  const std::string name = from_input ? "standard input" : Quoted(options.file);
  WarnUnlessEmpty(store);
  program::OnInterruption(&LastWords);
  const std::string value(options.value_bytes, 'v');
  const absl::Status status =
      Play(store, Decompressed(BytesOfFile(file, name), name), value, &simulations);
  if (played.empty_lines() > 0) {
    program::PrintMessage("cubby", absl::StrCat("left out ", played.empty_lines(),
                                                base::OneOrMany(played.empty_lines(), " empty line",
                                                                " empty lines")));
  }
  if (!status.ok()) {
    char summary[128];
    return Fail(
        ExitCodeFor(status, Subject::kEntry),
        absl::StrCat(status.message(), "; ", SummaryIn(absl::MakeSpan(summary)), " before it"));
  }
  Record record;
  record.AddNumber("requests", played.requests())
      .AddNumber("misses", played.misses())
      .AddRatio("miss_ratio", played.misses(), played.requests());
  if (!simulations.empty()) record.AddNumber("entries", entries);
  for (const Simulation& simulation : simulations) {
    record.AddRecord(simulation.name,
                     Record()
                         .AddNumber("misses", simulation.misses)
                         .AddRatio("miss_ratio", simulation.misses, played.requests())
                         .AddRatio("to_store", simulation.misses, played.misses()));
  }
  return Print(record, options.json);
}

ExitCode CheckAndTrace(const StoreOptions& store_options, const TraceOptions& options) {
  ASSIGN_OR_RETURN_AS(const auto kinds, PoliciesOf(options.against), Fail(status, Subject::kEntry));
  if (options.entries > 0 && kinds.empty()) {
    return Fail(ExitCode::kUsage, "--entries is of the policies that --against names: give both");
  }
  return WithStore(store_options, Mode::kReadWrite,
                   [&](Store& store) { return Trace(store, options, kinds); });
}

void DefineTrace(Subcommand* trace) {
  const auto options = std::make_shared<TraceOptions>();
  trace->Notes(
      "Gets each key in FILE, and puts it if it is missing, as a program does that caches "
      "something there.\n"
      "Prints how many requests there were, how many missed, and misses / requests. The store must "
      "be\n"
      "writable and should be empty (`cubby flush`); it keeps what is put. Make it with `cubbyd "
      "--full\n"
      "evict`: the trace ends with exit code 4 at the first key for which a store has no room.\n"
      "A key is a line's bytes as they are, without its LF or CR LF; empty lines are left out. "
      "FILE may be\n"
      "compressed by gzip, which its first bytes tell, and - is standard input. A FILE that is "
      "damaged or\n"
      "truncated ends the trace there (exit code 8). An interrupt prints how far it got.\n"
      "--against simulates caches of as many entries, by the exact policy, in the same run: lru "
      "(least\n"
      "recently used goes), fifo, clock (FIFO with one bit) and sieve (Zhang et al., NSDI 2024). "
      "to_store is\n"
      "a cache's misses / the store's: above 1 the store is better.\n"
      "Examples:\n"
      "  cubby trace -s cache requests.gz\n"
      "  cubby trace -s cache requests.gz --against lru,sieve --json\n"
      "  cut -d ' ' -f 7 access.log | cubby trace -s cache - --against lru");
  trace->AddWord("FILE", &options->file, "Requests, one key per line; - reads standard input");
  trace->AddNames("--against", "POLICIES", &options->against,
                  "Also simulate any of lru,fifo,clock,sieve");
  trace->AddNumber("--entries", 1, kMaxEntries, &options->entries,
                   "Entries of each simulated cache [the store's capacity]");
  trace->AddNumber("--value-bytes", 0, kMaxValueBytes, &options->value_bytes,
                   "Length of each value that is put [1]");
  trace->AddJson(&options->json);
  trace->Do(options, &CheckAndTrace);
}

constexpr Command kCommands[] = {
    {"trace", "Play recorded requests, and print the store's miss ratio", &DefineTrace},
};

}  // namespace

absl::Span<const Command> TraceCommands() { return kCommands; }

}  // namespace cubby::cli
