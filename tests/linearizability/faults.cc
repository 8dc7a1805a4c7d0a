#include "tests/linearizability/faults.h"

#include <algorithm>
#include <cstddef>

namespace cubby::test {
namespace {

using History = std::vector<Operation>;

bool IsWrite(const Operation& operation) {
  return operation.kind != Kind::kGet && operation.kind != Kind::kDelete;
}
bool Wrote(const Operation& operation) {
  return IsWrite(operation) && operation.outcome == Outcome::kOk;
}
bool Answered(const Operation& operation) {
  return operation.kind == Kind::kGet &&
         (operation.outcome == Outcome::kOk || operation.outcome == Outcome::kAbsent);
}
bool Found(const Operation& operation, uint64_t value) {
  return operation.kind == Kind::kGet && operation.outcome == Outcome::kOk &&
         operation.value == value;
}

// A revision after all that the history knows.
uint64_t NewRevision(const History& history) {
  uint64_t newest = 0;
  for (const Operation& operation : history) newest = std::max(newest, operation.revision);
  return newest + 1;
}

// The key's last write that was over before `time`, or null.
const Operation* WriteBefore(const History& history, uint32_t key, uint64_t time) {
  const Operation* last = nullptr;
  for (const Operation& operation : history) {
    if (operation.key == key && Wrote(operation) && operation.end < time &&
        (last == nullptr || last->end < operation.end)) {
      last = &operation;
    }
  }
  return last;
}

// The first write of the key that was acknowledged and began after `time`, or null.
const Operation* WriteAfter(const History& history, uint32_t key, uint64_t time) {
  const Operation* first = nullptr;
  for (const Operation& operation : history) {
    if (operation.key == key && Wrote(operation) && operation.start > time &&
        (first == nullptr || operation.end < first->end)) {
      first = &operation;
    }
  }
  return first;
}

// A random get of the key that began after `time` and had an answer, or null.
Operation* GetAfter(History* history, uint32_t key, uint64_t time, std::mt19937_64* random) {
  std::vector<Operation*> gets;
  for (Operation& operation : *history) {
    if (operation.key == key && Answered(operation) && operation.start > time) {
      gets.push_back(&operation);
    }
  }
  return gets.empty() ? nullptr : gets[(*random)() % gets.size()];
}

void Find(Operation* get, uint64_t value, uint64_t revision) {
  get->outcome = Outcome::kOk;
  get->value = value;
  get->revision = revision;
}

// Tries to put the fault at `at`. False if it does not fit there.
bool InjectAt(Fault fault, size_t at, std::mt19937_64* random, History* history) {
  // A copy: the history changes under it.
  const Operation chosen = (*history)[at];
  switch (fault) {
    case Fault::kTorn:
      if (!Found(chosen, chosen.value)) return false;
      (*history)[at].value = ~uint64_t{0};
      return true;
    case Fault::kLost: {
      const Operation* older = WriteBefore(*history, chosen.key, chosen.start);
      if (!Wrote(chosen) || older == nullptr) return false;
      Operation* get = GetAfter(history, chosen.key, chosen.end, random);
      if (get == nullptr) return false;
      Find(get, older->value, older->revision);
      history->erase(std::remove_if(history->begin(), history->end(),
                                    [&chosen](const Operation& other) {
                                      return other.key == chosen.key && Found(other, chosen.value);
                                    }),
                     history->end());
      return true;
    }
    case Fault::kStale: {
      if (!Found(chosen, chosen.value)) return false;
      const auto put = std::find_if(history->begin(), history->end(), [&chosen](const auto& other) {
        return other.key == chosen.key && Wrote(other) && other.value == chosen.value;
      });
      if (put == history->end()) return false;
      const Operation* older = WriteBefore(*history, chosen.key, put->start);
      Operation* get = GetAfter(history, chosen.key, chosen.end, random);
      if (older == nullptr || get == nullptr) return false;
      Find(get, older->value, older->revision);
      return true;
    }
    case Fault::kRepeated:
    case Fault::kAfterDeath: {
      const Outcome outcome = fault == Fault::kRepeated ? Outcome::kOk : Outcome::kUnknown;
      if (!IsWrite(chosen) || chosen.outcome != outcome) return false;
      const Operation* newer = WriteAfter(*history, chosen.key, chosen.end);
      if (newer == nullptr) return false;
      Operation* get = GetAfter(history, chosen.key, newer->end, random);
      if (get == nullptr) return false;
      Find(get, chosen.value, NewRevision(*history));
      return true;
    }
    case Fault::kResurrected: {
      if (chosen.kind != Kind::kDelete || chosen.outcome != Outcome::kOk) return false;
      const Operation* older = WriteBefore(*history, chosen.key, chosen.start);
      Operation* get = GetAfter(history, chosen.key, chosen.end, random);
      if (older == nullptr || get == nullptr) return false;
      Find(get, older->value, older->revision);
      return true;
    }
    case Fault::kRefusedYetPut: {
      if (!IsWrite(chosen) || chosen.outcome == Outcome::kOk ||
          chosen.outcome == Outcome::kUnknown) {
        return false;
      }
      Operation* get = GetAfter(history, chosen.key, chosen.end, random);
      if (get == nullptr) return false;
      Find(get, chosen.value, NewRevision(*history));
      return true;
    }
    case Fault::kWrongRevision: {
      if (!Wrote(chosen)) return false;
      for (Operation& other : *history) {
        if (other.key != chosen.key || !Found(other, chosen.value)) continue;
        other.revision = NewRevision(*history);
        return true;
      }
      return false;
    }
    case Fault::kRevisionAgain: {
      const Operation* newer = WriteAfter(*history, chosen.key, chosen.end);
      if (!Wrote(chosen) || newer == nullptr) return false;
      const Operation second = *newer;
      for (Operation& other : *history) {
        if (other.key == second.key && other.value == second.value &&
            other.revision == second.revision) {
          other.revision = chosen.revision;
        }
      }
      return true;
    }
  }
  return false;
}

}  // namespace

const char* Name(Fault fault) {
  switch (fault) {
    case Fault::kTorn:
      return "torn";
    case Fault::kLost:
      return "lost";
    case Fault::kStale:
      return "stale";
    case Fault::kRepeated:
      return "repeated";
    case Fault::kResurrected:
      return "resurrected";
    case Fault::kAfterDeath:
      return "after death";
    case Fault::kRefusedYetPut:
      return "refused yet put";
    case Fault::kWrongRevision:
      return "wrong revision";
    case Fault::kRevisionAgain:
      return "revision again";
  }
  return "";
}

bool Inject(Fault fault, std::mt19937_64* random, std::vector<Operation>* history) {
  if (history->empty()) return false;
  // From a random place onwards, and round.
  const size_t first = (*random)() % history->size();
  for (size_t i = 0; i < history->size(); ++i) {
    if (InjectAt(fault, (first + i) % history->size(), random, history)) return true;
  }
  return false;
}

}  // namespace cubby::test
