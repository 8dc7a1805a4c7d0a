#include "bench/peers/measures.h"

#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/status_macros.h"
#include "bench/key.h"
#include "bench/peers/works.h"
#include "bench/quantile.h"
#include "bench/round_robin.h"

namespace cubby::bench {
namespace {

double MedianRate(const std::vector<Outcome>& outcomes) {
  std::vector<double> rates;
  rates.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes) rates.push_back(RateOf(outcome));
  return Quantile(std::move(rates), 0.5);
}

void AddPuts(const Session::Both& both, Row* row) {
  if (both.puts.empty()) return;
  row->counters.emplace_back("puts_per_second", MedianRate(both.puts));
}

double MeanOf(const std::vector<double>& samples) {
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

// Opens the cell's store with `open`, gets an entry, and closes the store.
absl::Status OpenAndGet(const Cell& cell, decltype(PeerKind::open) open, absl::Span<char> value) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Peer> peer, open(cell));
  ASSIGN_OR_RETURN(const bool found, peer->Get(Key(TokenOf(0)), value));
  return found ? absl::OkStatus() : absl::DataLossError("an entry is missing");
}

}  // namespace

absl::StatusOr<Rows> MeasureTurns(Session& session, const std::string& work,
                                  const StoreSize& size) {
  RETURN_IF_ERROR(session.Enter(size));
  const std::vector<Contestant> contestants = MakeContestants(work, session.stage());
  ASSIGN_OR_RETURN(const std::vector<Figures> figures,
                   RoundRobin(contestants, session.effort().turns));
  Rows rows;
  for (size_t i = 0; i < contestants.size(); ++i) {
    const Figures& f = figures[i];
    rows[contestants[i].name] = {
        f.ns, {{"low_ns", f.low_ns}, {"high_ns", f.high_ns}, {"vs_cubby", f.vs_first}}};
  }
  return rows;
}

absl::StatusOr<Rows> MeasureLoad(Session& session, const StoreSize& size) {
  RETURN_IF_ERROR(session.Enter(size));
  const Stage& stage = session.stage();
  const double cubby = MeanOf(stage.fill_ns(0));
  Rows rows;
  for (size_t i = 0; i < stage.kinds().size(); ++i) {
    const std::vector<double>& batches = stage.fill_ns(i);
    rows[stage.kinds()[i].name] = {MeanOf(batches),
                                   {{"low_ns", Quantile(batches, 0.1)},
                                    {"high_ns", Quantile(batches, 0.9)},
                                    {"vs_cubby", MeanOf(batches) / cubby}}};
  }
  return rows;
}

absl::StatusOr<Rows> MeasureReaders(Session& session, size_t readers) {
  std::map<std::string, std::vector<double>> rates;
  RETURN_IF_ERROR(session.ForSharedPeers([&](uint32_t peer) -> absl::Status {
    ASSIGN_OR_RETURN(const double rate, session.ReadTogether(readers, peer, session.effort().task));
    rates[session.stage().kinds()[peer].name].push_back(rate);
    return absl::OkStatus();
  }));
  Rows rows;
  for (const auto& [who, samples] : rates) {
    const double rate = Quantile(samples, 0.5);
    rows[who] = {1e9 / rate, {{"per_second", rate}}};
  }
  return rows;
}

absl::StatusOr<Rows> MeasureReader(Session& session, absl::optional<Work> puts) {
  ASSIGN_OR_RETURN(const auto measured, session.GetBesideWriter(Work::kGetEven, puts));
  Rows rows;
  for (const auto& [who, both] : measured) {
    const double rate = MedianRate(both.gets);
    rows[who] = {1e9 / rate, {{"per_second", rate}}};
    AddPuts(both, &rows[who]);
  }
  return rows;
}

absl::StatusOr<Rows> MeasureLatency(Session& session, Work gets, absl::optional<Work> puts) {
  ASSIGN_OR_RETURN(const auto measured, session.GetBesideWriter(gets, puts));
  Rows rows;
  for (const auto& [who, both] : measured) {
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

absl::StatusOr<Rows> MeasureAttach(Session& session) {
  std::map<std::string, std::vector<double>> samples;
  std::vector<char> value(kSharedValueBytes);
  // For as long as a task has.
  const auto time = [&](const std::string& who, decltype(PeerKind::open) open) -> absl::Status {
    const absl::Time end = absl::Now() + session.effort().task;
    while (absl::Now() < end) {
      const absl::Time began = absl::Now();
      RETURN_IF_ERROR(OpenAndGet(session.stage().cell(), open, absl::MakeSpan(value)));
      samples[who].push_back(absl::ToDoubleNanoseconds(absl::Now() - began));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(session.ForSharedPeers([&](uint32_t peer) {
    const PeerKind& kind = session.stage().kinds()[peer];
    return session.stage().WhileClosed(peer, [&]() -> absl::Status {
      RETURN_IF_ERROR(time(kind.name, kind.open));
      if (kind.open_to_read == nullptr) return absl::OkStatus();
      return time(absl::StrCat(kind.name, kReadOnly), kind.open_to_read);
    });
  }));
  return MediansOf(samples);
}

}  // namespace cubby::bench
