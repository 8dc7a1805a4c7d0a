// bench: measures gets of the store's own keys.
//
// Keys are looked up in a random order that is the same in every round. They are copied in that
// order first, so that reading the next key is sequential and its cost does not distort the result.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/histogram.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"
#include "os/tick_clock.h"

namespace cubby::cli {
namespace {

using program::ExitCode;
using SteadyClock = std::chrono::steady_clock;

constexpr int kMaxThreads = 1024;

struct BenchOptions {
  absl::Duration seconds = absl::Seconds(1);
  int threads = 1;
  bool json = false;
};

class ShuffledKeys {
 public:
  static absl::StatusOr<ShuffledKeys> Of(const Store& store) {
    ShuffledKeys shuffled;
    std::vector<std::string> keys;
    RETURN_IF_ERROR(
        store.ForEach([&](absl::string_view key, absl::string_view, const Entry& entry) {
          keys.emplace_back(key);
          shuffled.longest_value_ = std::max(shuffled.longest_value_, entry.value_bytes);
          return true;
        }));
    std::mt19937_64 random;
    std::shuffle(keys.begin(), keys.end(), random);
    for (const std::string& key : keys) {
      shuffled.bytes_ += key;
      shuffled.ends_.push_back(shuffled.bytes_.size());
    }
    return shuffled;
  }

  size_t size() const { return ends_.size(); }
  absl::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return absl::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  // The length of the longest value at the time when the keys were listed.
  size_t longest_value() const { return longest_value_; }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
  size_t longest_value_ = 0;
};

// The results of one thread, or of all.
struct Tally {
  uint64_t gets = 0;
  uint64_t missing = 0;    // gets whose key was deleted after it had been listed
  uint64_t contended = 0;  // gets that writers disturbed in every round
  Histogram ticks;
  absl::Status status;  // the error that ended the run early

  void Merge(const Tally& other) {
    gets += other.gets;
    missing += other.missing;
    contended += other.contended;
    ticks.Merge(other.ticks);
    status.Update(other.status);
  }
};

// The look-ups of one thread, beginning with key `next`. Aligned, so that no two readers write to
// one cache line.
class alignas(64) Reader {
 public:
  Reader(const Store& store, const ShuffledKeys& keys, size_t next)
      : store_(store), keys_(keys), next_(next), value_(keys.longest_value(), '\0') {}

  // Runs until `duration` after `start`. If `timed`, times each get by itself.
  Tally Run(SteadyClock::time_point start, std::chrono::duration<double> duration, bool timed) {
    // The system's clock is read once per batch, so that its cost does not show in the result.
    constexpr int kBatch = 256;
    Tally tally;
    do {
      for (int i = 0; i < kBatch; ++i) {
        timed ? GetTimed(&tally) : Get(&tally);
      }
      tally.gets += kBatch;
    } while (SteadyClock::now() - start < duration && tally.status.ok());
    return tally;
  }

 private:
  void GetTimed(Tally* tally) {
    const absl::string_view key = NextKey();
    const uint64_t before = os::Ticks();
    const absl::StatusOr<Entry> entry = store_.Get(key, absl::MakeSpan(value_));
    const uint64_t after = os::Ticks();
    // The clocks of two processors may differ by some ticks when the thread moves between them.
    tally->ticks.Add(after > before ? after - before : 0);
    Judge(entry.status(), key, tally);
  }

  void Get(Tally* tally) {
    const absl::string_view key = NextKey();
    Judge(store_.Get(key, absl::MakeSpan(value_)).status(), key, tally);
  }

  void Judge(absl::Status status, absl::string_view key, Tally* tally) {
    if (absl::IsOutOfRange(status)) {
      // The value has become longer than the longest one listed.
      std::string longer;
      status = store_.Get(key, &longer).status();
      if (longer.size() > value_.size()) value_ = std::move(longer);
    }
    if (status.ok()) return;
    if (absl::IsNotFound(status)) {
      ++tally->missing;
    } else if (absl::IsUnavailable(status)) {
      ++tally->contended;
    } else {
      tally->status = status;
    }
  }

  absl::string_view NextKey() {
    const absl::string_view key = keys_[next_];
    if (++next_ == keys_.size()) next_ = 0;
    return key;
  }

  const Store& store_;
  const ShuffledKeys& keys_;
  size_t next_;
  std::string value_;
};

struct Measured {
  Tally tally;
  double gets_per_second = 0;
};

// Runs `threads` readers concurrently, each from another start in the order, all until the same
// moment. Returns Internal, without running any, if the system refuses that many threads.
absl::StatusOr<Measured> RunThreads(const Store& store, const ShuffledKeys& keys, int threads,
                                    std::chrono::duration<double> duration, bool timed) {
  std::vector<Tally> tallies(threads);
  std::vector<Reader> readers;
  std::vector<std::thread> running;
  readers.reserve(threads);
  running.reserve(threads);
  std::promise<bool> started;
  const std::shared_future<bool> all_started = started.get_future().share();
  SteadyClock::time_point start;
  absl::Status status;
  try {
    for (int i = 0; i < threads; ++i) {
      readers.emplace_back(store, keys, keys.size() * i / threads);
      running.emplace_back([&, i, all_started] {
        if (all_started.get()) tallies[i] = readers[i].Run(start, duration, timed);
      });
    }
  } catch (const std::exception& error) {  // std::thread, or the buffer for the longest value
    status = absl::InternalError(absl::StrCat("cannot start thread ", running.size() + 1, " of ",
                                              threads, ": ", error.what(),
                                              "; give a smaller --threads"));
  }
  start = SteadyClock::now();
  started.set_value(status.ok());
  for (std::thread& thread : running) thread.join();
  const std::chrono::duration<double> elapsed = SteadyClock::now() - start;
  RETURN_IF_ERROR(status);
  Measured all;
  for (const Tally& tally : tallies) all.tally.Merge(tally);
  RETURN_IF_ERROR(all.tally.status);
  all.gets_per_second = static_cast<double>(all.tally.gets) / elapsed.count();
  return all;
}

// Returns the median difference of two consecutive readings of the clock.
uint64_t ClockTicks() {
  Histogram ticks;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t before = os::Ticks();
    const uint64_t after = os::Ticks();
    ticks.Add(after > before ? after - before : 0);
  }
  return ticks.Percentile(0.5);
}

struct Latency {
  const char* name;
  const char* json_name;
  uint64_t ns;
};

ExitCode Print(const BenchOptions& options, uint64_t keys, const Tally& timed,
               const Measured& untimed, double ns_per_tick) {
  const auto ns = [ns_per_tick](uint64_t ticks) {
    return static_cast<uint64_t>(std::llround(static_cast<double>(ticks) * ns_per_tick));
  };
  const Latency latencies[] = {
      {"p50", "p50_ns", ns(timed.ticks.Percentile(0.5))},
      {"p99", "p99_ns", ns(timed.ticks.Percentile(0.99))},
      {"p99.9", "p999_ns", ns(timed.ticks.Percentile(0.999))},
      {"max", "max_ns", ns(timed.ticks.max())},
  };
  const uint64_t clock_ns = ns(ClockTicks());
  const uint64_t missing = timed.missing + untimed.tally.missing;
  const uint64_t contended = timed.contended + untimed.tally.contended;
  const auto ops_per_second = static_cast<uint64_t>(untimed.gets_per_second);
  Output out;
  if (options.json) {
    Record record;
    record.AddNumber("keys", keys).AddNumber("threads", options.threads);
    for (const Latency& latency : latencies) {
      record.AddNumber(latency.json_name, latency.ns);
    }
    record.AddNumber("clock_ns", clock_ns)
        .AddNumber("timed_gets", timed.gets)
        .AddNumber("untimed_gets", untimed.tally.gets)
        .AddNumber("ops_per_second", ops_per_second)
        .AddNumber("missing", missing)
        .AddNumber("contended", contended);
    out.Write(absl::StrCat(record.ToJson(), "\n"));
    return out.Finish();
  }
  out.Write(absl::StrFormat("%d %s in random order, %d %s\n", keys,
                            base::OneOrMany(keys, "key", "keys"), options.threads,
                            base::OneOrMany(options.threads, "thread", "threads")));
  out.Write(absl::StrFormat("latency of a get (%d %s, each timed by itself):\n", timed.gets,
                            base::OneOrMany(timed.gets, "get", "gets")));
  for (const Latency& latency : latencies) {
    out.Write(absl::StrFormat("  %-6s %10d ns\n", latency.name, latency.ns));
  }
  out.Write(absl::StrFormat("  of which reading the clock takes about %d ns\n", clock_ns));
  out.Write(absl::StrFormat("throughput (%d %s, none timed): %d ops/s\n", untimed.tally.gets,
                            base::OneOrMany(untimed.tally.gets, "get", "gets"), ops_per_second));
  if (missing > 0) {
    out.Write(absl::StrCat(missing, base::OneOrMany(missing, " get did not find its key\n",
                                                    " gets did not find their key\n")));
  }
  if (contended > 0) {
    out.Write(absl::StrCat(
        contended, base::OneOrMany(contended, " get was contended\n", " gets were contended\n")));
  }
  return out.Finish();
}

ExitCode Bench(const Store& store, const BenchOptions& options) {
  const std::chrono::duration<double> duration(absl::ToDoubleSeconds(options.seconds));
  ASSIGN_OR_RETURN_AS(const ShuffledKeys keys, ShuffledKeys::Of(store),
                      Fail(status, Subject::kEntry));
  if (keys.size() == 0) {
    return Fail(ExitCode::kNotFound, absl::StrCat("store ", store.name(),
                                                  " is empty: fill it with `cubby load` or "
                                                  "`cubby put`"));
  }
  const SteadyClock::time_point start = SteadyClock::now();
  const uint64_t start_ticks = os::Ticks();
  ASSIGN_OR_RETURN_AS(const Measured timed,
                      RunThreads(store, keys, options.threads, duration, /*timed=*/true),
                      Fail(status, Subject::kEntry));
  const std::chrono::duration<double, std::nano> ns = SteadyClock::now() - start;
  const double ns_per_tick = ns.count() / static_cast<double>(os::Ticks() - start_ticks);
  ASSIGN_OR_RETURN_AS(const Measured untimed,
                      RunThreads(store, keys, options.threads, duration, /*timed=*/false),
                      Fail(status, Subject::kEntry));
  return Print(options, keys.size(), timed.tally, untimed, ns_per_tick);
}

void DefineBench(Subcommand* bench) {
  const auto options = std::make_shared<BenchOptions>();
  bench->Notes(
      "Looks the store's keys up in random order in two runs. The first times each get by itself "
      "(p50,\n"
      "p99, p99.9, max; percentiles are rounded up by at most 1.6 %). The second reads no clock "
      "between\n"
      "gets (ops/s).\n"
      "Examples:\n"
      "  cubby bench -s words\n"
      "  cubby bench -s words --seconds 10 --threads 4 --json");
  bench->AddDuration("--seconds", &options->seconds, "Duration of each of the two runs [1]");
  bench->AddNumber("--threads", 1, kMaxThreads, &options->threads,
                   absl::StrCat("Number of reading threads, 1 to ", kMaxThreads, " [1]"));
  bench->AddJson(&options->json);
  bench->DoWithStore(Mode::kReadOnly, options, &Bench);
}

constexpr Command kCommands[] = {
    {"bench", "Measure gets of the store's own keys: latency and throughput", &DefineBench},
};

}  // namespace

absl::Span<const Command> BenchCommands() { return kCommands; }

}  // namespace cubby::cli
