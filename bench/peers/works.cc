#include "bench/peers/works.h"

#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/key.h"
#include "bench/random_order.h"
#include "bench/zipf.h"
#include "benchmark/benchmark.h"

namespace cubby::bench {
namespace {

constexpr double kZipfExponent = 0.99;

// Whether it does many of the work's operations together, too.
bool DoesTogether(const PeerKind& kind, const std::string& work) {
  if (work == "put") return kind.puts_together;
  return kind.gets_together && (work == "get_hit" || work == "get_zipf");
}

// Draws the entries of the work.
using Picks = std::function<uint64_t()>;
using List = std::shared_ptr<const std::vector<uint32_t>>;

Picks Uniform(uint64_t entries, uint64_t first, uint64_t seed) {
  return [picker = Picker(entries, seed), first]() mutable { return first + picker.Next(); };
}

// From a list, for each draw takes longer than a get: a quarter of a million, again and again.
Picks FromList(const List& list, size_t at) {
  return [list, at]() mutable {
    if (at == list->size()) at = 0;
    return (*list)[at++];
  };
}

List SkewedList(uint32_t entries) {
  // Ranks are spread over the entries, so that those in demand do not lie together for having been
  // put together. A prime above all counts of entries: one to one.
  constexpr uint64_t kSpread = 2'147'483'647;
  auto list = std::make_shared<std::vector<uint32_t>>(size_t{1} << 18);
  Zipf zipf(entries, kZipfExponent);
  std::mt19937_64 random(1);
  for (uint32_t& entry : *list) {
    entry = static_cast<uint32_t>(zipf.Next(random) * kSpread % entries);
  }
  return list;
}

absl::Status Expect(const absl::StatusOr<bool>& answer, bool expected) {
  if (!answer.ok()) return answer.status();
  if (*answer != expected) {
    return absl::DataLossError(expected ? "an entry is missing" : "an absent key was found");
  }
  return absl::OkStatus();
}

// Gets and puts one at a time.
class Single {
 public:
  Single(Peer& peer, Picks picks, size_t value_bytes)
      : peer_(peer), picks_(std::move(picks)), value_(value_bytes), fresh_(value_bytes, 'p') {}

  absl::Status GetChain(size_t operations) {
    for (; operations != 0; --operations) {
      const absl::Status got = Expect(peer_.Get(Key(token_), absl::MakeSpan(value_)), true);
      if (!got.ok()) return got;
      std::memcpy(&token_, value_.data(), sizeof(token_));
    }
    return absl::OkStatus();
  }

  absl::Status GetEach(size_t operations, bool expected) {
    for (; operations != 0; --operations) {
      const absl::Status got =
          Expect(peer_.Get(Key(TokenOf(picks_())), absl::MakeSpan(value_)), expected);
      if (!got.ok()) return got;
      benchmark::DoNotOptimize(*value_.data());
    }
    return absl::OkStatus();
  }

  absl::Status DeleteInsert(size_t operations) {
    for (; operations != 0; --operations) {
      const Key key(TokenOf(picks_()));
      absl::Status done = Expect(peer_.Delete(key), true);
      if (done.ok()) done = peer_.Put(key, fresh_);
      if (!done.ok()) return done;
    }
    return absl::OkStatus();
  }

  absl::Status Mix(size_t operations, uint64_t put_percent) {
    for (; operations != 0; --operations) {
      const Key key(TokenOf(picks_()));
      const absl::Status done = dice_.Next() < put_percent
                                    ? peer_.Put(key, fresh_)
                                    : Expect(peer_.Get(key, absl::MakeSpan(value_)), true);
      if (!done.ok()) return done;
    }
    return absl::OkStatus();
  }

 private:
  Peer& peer_;
  Picks picks_;
  std::vector<char> value_;
  const std::string fresh_;
  uint64_t token_ = TokenOf(0);
  Picker dice_{100};
};

// Does kBatch operations in one call.
class Batched {
 public:
  Batched(Peer& peer, Picks picks, size_t value_bytes)
      : peer_(peer),
        picks_(std::move(picks)),
        values_(kBatch * value_bytes),
        fresh_(kBatch * value_bytes, 'p') {}

  absl::Status Get(size_t operations) {
    return InBatches(operations, [&] { return peer_.GetMany(keys_, absl::MakeSpan(values_)); });
  }
  absl::Status Put(size_t operations) {
    return InBatches(operations, [&] { return peer_.PutMany(keys_, fresh_); });
  }

 private:
  template <typename Batch>
  absl::Status InBatches(size_t operations, Batch batch) {
    for (; operations != 0; operations -= kBatch) {
      keys_.clear();
      while (keys_.size() < kBatch) keys_.emplace_back(TokenOf(picks_()));
      const absl::Status done = batch();
      if (!done.ok()) return done;
    }
    return absl::OkStatus();
  }

  Peer& peer_;
  Picks picks_;
  std::vector<Key> keys_;
  std::vector<char> values_;
  const std::string fresh_;
};

std::function<absl::Status(size_t)> SingleWork(const std::string& work, Peer& peer, Picks picks,
                                               size_t value_bytes) {
  auto single = std::make_shared<Single>(peer, std::move(picks), value_bytes);
  if (work == "get_chain") return [single](size_t n) { return single->GetChain(n); };
  if (work == "get_miss") return [single](size_t n) { return single->GetEach(n, false); };
  if (work == "put") return [single](size_t n) { return single->Mix(n, 100); };
  if (work == "delete_insert") return [single](size_t n) { return single->DeleteInsert(n); };
  if (work == "mix_95_5") return [single](size_t n) { return single->Mix(n, 5); };
  if (work == "mix_50_50") return [single](size_t n) { return single->Mix(n, 50); };
  return [single](size_t n) { return single->GetEach(n, true); };
}

// Copies `bytes` from random lines, in any order.
std::function<absl::Status(size_t)> CopyLines(const PointerChase& lines, Picks picks,
                                              size_t bytes) {
  return [&lines, picks = std::move(picks), buffer = std::vector<char>(bytes)](size_t n) mutable {
    for (; n != 0; --n) {
      std::memcpy(buffer.data(), lines.LineOf(static_cast<uint32_t>(picks())), buffer.size());
      benchmark::DoNotOptimize(*buffer.data());
    }
    return absl::OkStatus();
  };
}

}  // namespace

std::vector<std::string> ContestantsOf(const std::string& work,
                                       const std::vector<PeerKind>& kinds) {
  std::vector<std::string> names;
  for (const PeerKind& kind : kinds) {
    names.push_back(kind.name);
    if (DoesTogether(kind, work)) names.push_back(absl::StrCat(kind.name, "_32"));
  }
  if (work == "get_chain") {
    names.emplace_back("floor_chase");
  } else {
    names.emplace_back("floor_read");
    names.emplace_back("floor_copy");
  }
  return names;
}

std::vector<Contestant> MakeContestants(const std::string& work, Stage& stage) {
  const Cell& cell = stage.cell();
  const List list = work == "get_zipf" ? SkewedList(cell.entries) : nullptr;
  // All draw the same entries in the same order; but a contestant that works on the same memory as
  // the one before, and would find it in the caches, draws others.
  const auto picks = [&](bool others, uint64_t first) {
    return list != nullptr ? FromList(list, others ? list->size() / 2 : 0)
                           : Uniform(cell.entries, first, others ? 43 : 42);
  };
  const uint64_t first = work == "get_miss" ? kAbsent : 0;

  std::vector<Contestant> contestants;
  for (size_t i = 0; i < stage.kinds().size(); ++i) {
    const PeerKind& kind = stage.kinds()[i];
    contestants.push_back(
        {kind.name, SingleWork(work, stage.peer(i), picks(false, first), cell.value_bytes)});
    if (!DoesTogether(kind, work)) continue;
    auto together = std::make_shared<Batched>(stage.peer(i), picks(true, first), cell.value_bytes);
    contestants.push_back(
        {absl::StrCat(kind.name, "_32"), [together, puts = work == "put"](size_t n) {
           return puts ? together->Put(n) : together->Get(n);
         }});
  }
  if (work == "get_chain") {
    contestants.push_back({"floor_chase", [&stage](size_t n) {
                             benchmark::DoNotOptimize(stage.floor().Walk(n));
                             return absl::OkStatus();
                           }});
  } else {
    contestants.push_back(
        {"floor_read", CopyLines(stage.floor(), picks(false, 0), sizeof(uint64_t))});
    contestants.push_back(
        {"floor_copy", CopyLines(stage.floor(), picks(true, 0), cell.value_bytes)});
  }
  return contestants;
}

}  // namespace cubby::bench
