#include "tests/linearizability/checker.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"

namespace cubby::test {
namespace {

bool Writes(const Operation& operation) {
  return operation.kind != Kind::kGet && operation.kind != Kind::kDelete;
}

// What a key can be at a moment.
struct State {
  bool present = false;
  uint64_t value = 0;  // 0 while absent, as is `revision`
  uint64_t revision =
      0;  // 0: not known: the writer was killed before it reported it, and no get has returned it
  uint64_t newest = 0;  // the largest revision known to be used before

  friend bool operator==(const State& a, const State& b) {
    return std::tie(a.present, a.value, a.revision, a.newest) ==
           std::tie(b.present, b.value, b.revision, b.newest);
  }
  template <typename H>
  friend H AbslHashValue(H h, const State& state) {
    return H::combine(std::move(h), state.present, state.value, state.revision, state.newest);
  }
};

// Applies the operation, if it can take effect in `state` and be answered as it was.
absl::optional<State> Apply(const Operation& operation, const State& state) {
  const bool known = operation.outcome != Outcome::kUnknown;
  const bool succeeds = operation.outcome == Outcome::kOk || !known;
  if (!succeeds) {
    const bool present = operation.outcome == Outcome::kPresent;
    return state.present == present ? absl::make_optional(state) : absl::nullopt;
  }
  State after = state;
  switch (operation.kind) {
    case Kind::kGet:
      if (!state.present || state.value != operation.value) return absl::nullopt;
      if (state.revision == 0) {
        if (operation.revision <= state.newest) return absl::nullopt;
        after.revision = operation.revision;
        after.newest = operation.revision;
      } else if (state.revision != operation.revision) {
        return absl::nullopt;
      }
      return after;
    case Kind::kDelete:
      if (!state.present) return absl::nullopt;
      after.present = false;
      after.value = 0;
      after.revision = 0;
      return after;
    case Kind::kAdd:
      if (state.present) return absl::nullopt;
      break;
    case Kind::kReplace:
      if (!state.present) return absl::nullopt;
      break;
    case Kind::kPut:
      break;
  }
  if (known && operation.revision <= state.newest) return absl::nullopt;
  after.present = true;
  after.value = operation.value;
  after.revision = known ? operation.revision : 0;
  if (known) after.newest = operation.revision;
  return after;
}

// A state, and which of the operations under way have taken effect on the way to it: one bit for
// the place of each.
struct Configuration {
  uint64_t taken = 0;
  State state;

  friend bool operator==(const Configuration& a, const Configuration& b) {
    return a.taken == b.taken && a.state == b.state;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Configuration& configuration) {
    return H::combine(std::move(h), configuration.taken, configuration.state);
  }
};

using Configurations = absl::flat_hash_set<Configuration>;

// One key's search. `operations` have no gets of unknown outcome and none without effect.
class Search {
 public:
  Search(const std::vector<Operation>& operations, const Effort& effort)
      : operations_(operations), effort_(effort) {}

  Verdict Run() {
    // (time, is an end, operation). Of equal times starts come first: who cannot be told apart may
    // have overlapped.
    std::vector<std::tuple<uint64_t, bool, size_t>> events;
    for (size_t i = 0; i < operations_.size(); ++i) {
      events.emplace_back(operations_[i].start, false, i);
      events.emplace_back(operations_[i].end, true, i);
    }
    std::sort(events.begin(), events.end());
    configurations_ = {Configuration()};
    for (const auto& [time, is_end, i] : events) {
      const Verdict verdict = is_end ? End(i) : Start(i);
      most_ = std::max(most_, configurations_.size());
      if (verdict == Verdict::kViolation) culprit_ = i;
      if (verdict != Verdict::kLinearizable) return verdict;
    }
    return Verdict::kLinearizable;
  }

  // The operation for which there was no place when it ended. REQUIRES: Run() found a violation.
  size_t culprit() const { return culprit_; }
  size_t most_configurations() const { return most_; }

 private:
  struct UnderWay {
    size_t operation;
    uint64_t bit;
  };

  Verdict Start(size_t i) {
    if (~bits_ == 0) return Verdict::kUndecided;
    const uint64_t bit = ~bits_ & (bits_ + 1);
    bits_ |= bit;
    under_way_.push_back({i, bit});
    return Verdict::kLinearizable;
  }

  Verdict End(size_t i) {
    const auto ending = std::find_if(under_way_.begin(), under_way_.end(),
                                     [i](const UnderWay& other) { return other.operation == i; });
    const uint64_t bit = ending->bit;
    const bool optional = operations_[i].outcome == Outcome::kUnknown;
    // In all that remain the operation has had its effect, or never has one; so its bit is free.
    Configurations remaining;
    for (const Configuration& configuration : configurations_) {
      if (optional && (configuration.taken & bit) == 0) remaining.insert(configuration);
    }
    Configurations seen = configurations_;
    std::vector<Configuration> work(seen.begin(), seen.end());
    while (!work.empty()) {
      const Configuration from = work.back();
      work.pop_back();
      if ((from.taken & bit) != 0) {
        // The others can wait until one of them ends.
        remaining.insert({from.taken & ~bit, from.state});
        continue;
      }
      for (const UnderWay& next : under_way_) {
        if ((from.taken & next.bit) != 0) continue;
        ++steps_;
        const absl::optional<State> after = Apply(operations_[next.operation], from.state);
        if (!after.has_value()) continue;
        const Configuration to = {from.taken | next.bit, *after};
        if (seen.insert(to).second) work.push_back(to);
      }
      if (seen.size() > effort_.configurations || steps_ > effort_.steps) {
        return Verdict::kUndecided;
      }
    }
    under_way_.erase(ending);
    bits_ &= ~bit;
    configurations_ = std::move(remaining);
    return configurations_.empty() ? Verdict::kViolation : Verdict::kLinearizable;
  }

  const std::vector<Operation>& operations_;
  const Effort effort_;
  std::vector<UnderWay> under_way_;
  uint64_t bits_ = 0;  // those that under_way_ has given out
  Configurations configurations_;
  size_t culprit_ = 0;
  size_t most_ = 0;
  uint64_t steps_ = 0;
};

// What says nothing about the key, and did nothing.
bool IsIdle(const Operation& operation) {
  return operation.outcome == Outcome::kNoEffect ||
         (operation.outcome == Outcome::kUnknown && operation.kind == Kind::kGet);
}

// The operations with less said of those that are marked: one that may have changed the key may
// then have done so or not, and one that did not is gone. All that explains `operations` explains
// this.
std::vector<Operation> Weaken(const std::vector<Operation>& operations,
                              const std::vector<bool>& marked) {
  std::vector<Operation> weaker;
  for (size_t i = 0; i < operations.size(); ++i) {
    Operation operation = operations[i];
    if (marked[i]) {
      const bool succeeded =
          operation.outcome == Outcome::kOk || operation.outcome == Outcome::kUnknown;
      if (operation.kind == Kind::kGet || !succeeded) continue;
      operation.outcome = Outcome::kUnknown;
    }
    weaker.push_back(operation);
  }
  return weaker;
}

// REQUIRES: the operations are a violation.
std::vector<Operation> Core(const std::vector<Operation>& operations, const Effort& effort) {
  // Weakens all that the violation can do without: halves, quarters and so on to single operations.
  std::vector<bool> weak(operations.size(), false);
  for (size_t chunk = operations.size() / 2 + 1; chunk != 0; chunk /= 2) {
    for (size_t begin = 0; begin < operations.size(); begin += chunk) {
      std::vector<bool> weaker = weak;
      const size_t end = std::min(begin + chunk, operations.size());
      std::fill(weaker.begin() + static_cast<std::ptrdiff_t>(begin),
                weaker.begin() + static_cast<std::ptrdiff_t>(end), true);
      if (weaker == weak) continue;
      if (Search(Weaken(operations, weaker), effort).Run() == Verdict::kViolation) weak = weaker;
    }
  }
  // And, to be read with these, the writes of what they found.
  std::vector<Operation> core;
  for (size_t i = 0; i < operations.size(); ++i) {
    bool needed = !weak[i];
    for (size_t j = 0; j < operations.size() && !needed; ++j) {
      needed = !weak[j] && operations[j].kind == Kind::kGet &&
               operations[j].outcome == Outcome::kOk && Writes(operations[i]) &&
               operations[i].value == operations[j].value;
    }
    if (needed) core.push_back(operations[i]);
  }
  return core;
}

bool ByStart(const Operation& a, const Operation& b) {
  return std::tie(a.start, a.end) < std::tie(b.start, b.end);
}

Judgement JudgeKey(const std::vector<Operation>& operations, const Effort& effort) {
  Judgement judgement;
  judgement.key = operations.front().key;
  judgement.operations = operations;
  std::vector<Operation> relevant;
  for (const Operation& operation : operations) {
    if (!IsIdle(operation)) relevant.push_back(operation);
  }
  Search search(relevant, effort);
  judgement.verdict = search.Run();
  judgement.most_configurations = search.most_configurations();
  if (judgement.verdict == Verdict::kUndecided) {
    judgement.why = "too many operations under way at once: allow more Effort";
  }
  if (judgement.verdict == Verdict::kViolation) {
    judgement.why = "no order of the operations explains their answers";
    if (!effort.core) return judgement;
    // What started later than the culprit ended had no part in it.
    const uint64_t end = relevant[search.culprit()].end;
    relevant.erase(std::remove_if(relevant.begin(), relevant.end(),
                                  [end](const Operation& other) { return other.start > end; }),
                   relevant.end());
    judgement.core = Core(relevant, effort);
  }
  return judgement;
}

// Two operations, of any keys, that show a write with a revision no larger than one that was used
// before it started; none if there are none. `history` is by start.
std::vector<Operation> RevisionsOutOfOrder(const std::vector<Operation>& history) {
  std::vector<const Operation*> by_end;
  for (const Operation& operation : history) {
    if (operation.outcome == Outcome::kOk && operation.kind != Kind::kDelete) {
      by_end.push_back(&operation);
    }
  }
  std::sort(by_end.begin(), by_end.end(),
            [](const Operation* a, const Operation* b) { return a->end < b->end; });
  auto ended = by_end.begin();
  const Operation* newest = nullptr;
  for (const Operation& operation : history) {
    if (operation.outcome != Outcome::kOk || !Writes(operation)) continue;
    for (; ended != by_end.end() && (*ended)->end < operation.start; ++ended) {
      if (newest == nullptr || newest->revision < (*ended)->revision) newest = *ended;
    }
    if (newest != nullptr && operation.revision <= newest->revision) return {*newest, operation};
  }
  return {};
}

}  // namespace

Judgement Judge(const std::vector<Operation>& history, const Effort& effort) {
  std::vector<Operation> by_start = history;
  std::sort(by_start.begin(), by_start.end(), ByStart);
  std::map<uint32_t, std::vector<Operation>> keys;
  Judgement whole;
  for (const Operation& operation : by_start) {
    if (operation.end < operation.start) {
      whole.verdict = Verdict::kUndecided;
      whole.why = "an operation ends before it starts: no history";
      whole.key = operation.key;
      whole.core = {operation};
      return whole;
    }
    keys[operation.key].push_back(operation);
  }
  // A violation is worth more than what comes before it and was not decided.
  for (const auto& [key, operations] : keys) {
    Judgement judgement = JudgeKey(operations, effort);
    const size_t most = std::max(whole.most_configurations, judgement.most_configurations);
    if (judgement.verdict == Verdict::kViolation ||
        (judgement.verdict == Verdict::kUndecided && whole.verdict == Verdict::kLinearizable)) {
      whole = std::move(judgement);
    }
    whole.most_configurations = most;
    if (whole.verdict == Verdict::kViolation) return whole;
  }
  std::vector<Operation> core = RevisionsOutOfOrder(by_start);
  if (!core.empty()) {
    whole.verdict = Verdict::kViolation;
    whole.why = "a write has a revision no larger than one from before it";
    whole.key = core.back().key;
    whole.operations = keys[whole.key];
    whole.core = std::move(core);
  }
  return whole;
}

std::string Describe(const Operation& operation, uint64_t zero) {
  static constexpr const char* kKinds[] = {"get", "put", "add", "replace", "delete"};
  static constexpr const char* kOutcomes[] = {"ok", "absent", "present", "no effect",
                                              "unknown, killed"};
  std::string line = absl::StrFormat("%10d..%-10d process %d  key %d  %-7s", operation.start - zero,
                                     operation.end - zero, operation.process, operation.key,
                                     kKinds[static_cast<int>(operation.kind)]);
  if (Writes(operation)) absl::StrAppend(&line, " ", operation.value);
  absl::StrAppend(&line, " -> ", kOutcomes[static_cast<int>(operation.outcome)]);
  if (operation.outcome != Outcome::kOk || operation.kind == Kind::kDelete) return line;
  if (operation.kind == Kind::kGet) absl::StrAppend(&line, " ", operation.value);
  return absl::StrCat(line, " revision ", operation.revision);
}

std::string Describe(const Judgement& judgement) {
  if (judgement.verdict == Verdict::kLinearizable) return "linearizable\n";
  std::string text = absl::StrCat("key ", judgement.key, ": ", judgement.why, "\n");
  const uint64_t zero = judgement.operations.empty() ? 0 : judgement.operations.front().start;
  for (const Operation& operation : judgement.core) {
    absl::StrAppend(&text, "  ", Describe(operation, zero), "\n");
  }
  absl::StrAppend(&text, "all of the key's operations:\n");
  for (const Operation& operation : judgement.operations) {
    absl::StrAppend(&text, "  ", Describe(operation, zero), "\n");
  }
  return text;
}

}  // namespace cubby::test
