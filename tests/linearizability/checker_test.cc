#include "tests/linearizability/checker.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/linearizability/faults.h"

namespace cubby::test {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

using History = std::vector<Operation>;

// Operations of key 0. `start` and `end` first, then what they were asked and answered.
Operation Make(Kind kind, uint64_t start, uint64_t end, Outcome outcome, uint64_t value,
               uint64_t revision) {
  Operation operation;
  operation.kind = kind;
  operation.outcome = outcome;
  operation.start = start;
  operation.end = end;
  operation.value = value;
  operation.revision = revision;
  return operation;
}
Operation Get(uint64_t start, uint64_t end, uint64_t value, uint64_t revision) {
  return Make(Kind::kGet, start, end, Outcome::kOk, value, revision);
}
Operation Miss(uint64_t start, uint64_t end) {
  return Make(Kind::kGet, start, end, Outcome::kAbsent, 0, 0);
}
Operation Put(uint64_t start, uint64_t end, uint64_t value, uint64_t revision) {
  return Make(Kind::kPut, start, end, Outcome::kOk, value, revision);
}
Operation Add(uint64_t start, uint64_t end, uint64_t value, uint64_t revision) {
  return Make(Kind::kAdd, start, end, Outcome::kOk, value, revision);
}
Operation Replace(uint64_t start, uint64_t end, uint64_t value, uint64_t revision) {
  return Make(Kind::kReplace, start, end, Outcome::kOk, value, revision);
}
Operation Delete(uint64_t start, uint64_t end) {
  return Make(Kind::kDelete, start, end, Outcome::kOk, 0, 0);
}
Operation Refused(Kind kind, uint64_t start, uint64_t end, Outcome outcome, uint64_t value) {
  return Make(kind, start, end, outcome, value, 0);
}
// Its process died in it.
Operation Killed(Kind kind, uint64_t start, uint64_t death, uint64_t value) {
  return Make(kind, start, death, Outcome::kUnknown, value, 0);
}
Operation OfKey(uint32_t key, Operation operation) {
  operation.key = key;
  return operation;
}

struct Case {
  const char* name;
  History history;
  Verdict verdict;
};

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

class HandMadeTest : public ::testing::TestWithParam<Case> {};

TEST_P(HandMadeTest, IsJudgedRight) {
  const Judgement judgement = Judge(GetParam().history);
  EXPECT_EQ(judgement.verdict, GetParam().verdict) << Describe(judgement);
}

constexpr Verdict kYes = Verdict::kLinearizable;
constexpr Verdict kNo = Verdict::kViolation;

INSTANTIATE_TEST_SUITE_P(
    Sequential, HandMadeTest,
    ::testing::Values(
        Case{"Nothing", {}, kYes},  //
        Case{"AbsentAtFirst", {Miss(1, 2)}, kYes},
        Case{"FoundBeforeAnyPut", {Get(1, 2, 7, 1)}, kNo},
        Case{"PutThenGet", {Put(1, 2, 7, 1), Get(3, 4, 7, 1)}, kYes},
        Case{"Torn", {Put(1, 2, 7, 1), Get(3, 4, 8, 1)}, kNo},
        Case{"AnothersRevision", {Put(1, 2, 7, 1), Get(3, 4, 7, 2)}, kNo},
        Case{"PutThenMiss", {Put(1, 2, 7, 1), Miss(3, 4)}, kNo},
        Case{"Stale", {Put(1, 2, 7, 1), Put(3, 4, 8, 2), Get(5, 6, 7, 1)}, kNo},
        Case{"RevisionsFall", {Put(1, 2, 7, 2), Put(3, 4, 8, 1)}, kNo},
        Case{"RevisionTwice", {Put(1, 2, 7, 2), Put(3, 4, 8, 2)}, kNo},
        Case{"AddToNothing", {Add(1, 2, 7, 1), Get(3, 4, 7, 1)}, kYes},
        Case{"AddOverSomething", {Put(1, 2, 7, 1), Add(3, 4, 8, 2)}, kNo},
        Case{"AddRefused",
             {Put(1, 2, 7, 1), Refused(Kind::kAdd, 3, 4, Outcome::kPresent, 8), Get(5, 6, 7, 1)},
             kYes},
        Case{"AddRefusedByNothing", {Refused(Kind::kAdd, 3, 4, Outcome::kPresent, 8)}, kNo},
        Case{"AddRefusedYetPut",
             {Put(1, 2, 7, 1), Refused(Kind::kAdd, 3, 4, Outcome::kPresent, 8), Get(5, 6, 8, 2)},
             kNo},
        Case{"ReplaceOfSomething", {Put(1, 2, 7, 1), Replace(3, 4, 8, 2), Get(5, 6, 8, 2)}, kYes},
        Case{"ReplaceOfNothing", {Replace(3, 4, 8, 2)}, kNo},
        Case{"ReplaceRefused",
             {Refused(Kind::kReplace, 1, 2, Outcome::kAbsent, 8), Miss(3, 4)},
             kYes},
        Case{"ReplaceRefusedThoughThere",
             {Put(1, 2, 7, 1), Refused(Kind::kReplace, 3, 4, Outcome::kAbsent, 8)},
             kNo},
        Case{"DeleteThenMiss", {Put(1, 2, 7, 1), Delete(3, 4), Miss(5, 6)}, kYes},
        Case{"DeleteTwice", {Put(1, 2, 7, 1), Delete(3, 4), Delete(5, 6)}, kNo},
        Case{"DeleteRefused",
             {Put(1, 2, 7, 1), Delete(3, 4), Refused(Kind::kDelete, 5, 6, Outcome::kAbsent, 0)},
             kYes},
        Case{"DeleteRefusedThoughThere",
             {Put(1, 2, 7, 1), Refused(Kind::kDelete, 5, 6, Outcome::kAbsent, 0)},
             kNo},
        Case{"Resurrected", {Put(1, 2, 7, 1), Delete(3, 4), Get(5, 6, 7, 1)}, kNo},
        Case{"PutAgainByItself",
             {Put(1, 2, 7, 1), Put(3, 4, 8, 2), Get(5, 6, 8, 2), Get(7, 8, 7, 3)},
             kNo},
        Case{"NoEffectSaysNothing",
             {Put(1, 2, 7, 1), Refused(Kind::kGet, 3, 4, Outcome::kNoEffect, 0),
              Refused(Kind::kPut, 3, 4, Outcome::kNoEffect, 8), Get(5, 6, 7, 1)},
             kYes},
        Case{"NoEffectYetPut",
             {Put(1, 2, 7, 1), Refused(Kind::kPut, 3, 4, Outcome::kNoEffect, 8), Get(5, 6, 8, 2)},
             kNo},
        Case{"EndsBeforeItStarts", {Put(2, 1, 7, 1)}, Verdict::kUndecided}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Concurrent, HandMadeTest,
    ::testing::Values(
        Case{"GetSeesOld", {Put(1, 2, 7, 1), Put(3, 9, 8, 2), Get(4, 5, 7, 1)}, kYes},
        Case{"GetSeesNew", {Put(1, 2, 7, 1), Put(3, 9, 8, 2), Get(4, 5, 8, 2)}, kYes},
        Case{"NewThenOld",
             {Put(1, 2, 7, 1), Put(3, 9, 8, 2), Get(4, 5, 8, 2), Get(6, 7, 7, 1)},
             kNo},
        Case{"OldThenNew",
             {Put(1, 2, 7, 1), Put(3, 9, 8, 2), Get(4, 5, 7, 1), Get(6, 7, 8, 2)},
             kYes},
        Case{"TwoReadersDisagree",
             {Put(1, 9, 7, 1), Put(1, 9, 8, 2), Get(10, 11, 7, 1), Get(12, 13, 8, 2)},
             kNo},
        Case{"RevisionsTellTheOrder", {Put(1, 9, 7, 2), Put(1, 9, 8, 1), Get(10, 11, 8, 1)}, kNo},
        Case{"BothAddsSucceed", {Add(1, 9, 7, 1), Add(1, 9, 8, 2)}, kNo},
        Case{"BothAddsSucceedWithADeleteBetween",
             {Add(1, 9, 7, 1), Add(1, 9, 8, 2), Delete(2, 8)},
             kYes},
        Case{"BothDeletesSucceed", {Put(1, 2, 7, 1), Delete(3, 9), Delete(3, 9)}, kNo},
        Case{"EqualTimesMayOverlap", {Put(1, 2, 7, 1), Miss(2, 3)}, kYes}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Deaths, HandMadeTest,
    ::testing::Values(
        Case{"PutHappened", {Killed(Kind::kPut, 1, 9, 7), Get(10, 11, 7, 1)}, kYes},
        Case{"PutDidNotHappen", {Killed(Kind::kPut, 1, 9, 7), Miss(10, 11)}, kYes},
        Case{"PutBothHappenedAndNot",
             {Killed(Kind::kPut, 1, 9, 7), Get(10, 11, 7, 1), Miss(12, 13)},
             kNo},
        Case{"PutHappenedAfterTheDeath",
             {Killed(Kind::kPut, 1, 9, 7), Miss(10, 11), Get(12, 13, 7, 1)},
             kNo},
        Case{"PutHappenedBeforeTheDeath",
             {Killed(Kind::kPut, 1, 14, 7), Miss(10, 11), Get(12, 13, 7, 1)},
             kYes},
        Case{"PutHappenedTwice",
             {Killed(Kind::kPut, 1, 20, 7), Get(2, 3, 7, 1), Put(4, 5, 8, 2), Get(6, 7, 7, 3)},
             kNo},
        Case{"ItsRevisionIsItsReaders",
             {Killed(Kind::kPut, 1, 9, 7), Get(10, 11, 7, 5), Get(12, 13, 7, 6)},
             kNo},
        Case{"ItsRevisionIsInOrder",
             {Put(1, 2, 6, 5), Killed(Kind::kPut, 3, 9, 7), Get(10, 11, 7, 4)},
             kNo},
        Case{"RefusedAdd", {Put(1, 2, 7, 1), Killed(Kind::kAdd, 3, 9, 8), Get(10, 11, 8, 2)}, kNo},
        Case{"DeleteHappened",
             {Put(1, 2, 7, 1), Killed(Kind::kDelete, 3, 9, 0), Miss(10, 11)},
             kYes},
        Case{"DeleteDidNotHappen",
             {Put(1, 2, 7, 1), Killed(Kind::kDelete, 3, 9, 0), Get(10, 11, 7, 1)},
             kYes},
        Case{"DeleteHappenedAfterTheDeath",
             {Put(1, 2, 7, 1), Killed(Kind::kDelete, 3, 9, 0), Get(10, 11, 7, 1), Miss(12, 13)},
             kNo},
        Case{"GetSaysNothing", {Killed(Kind::kGet, 1, 9, 0), Miss(10, 11)}, kYes}),
    [](const auto& info) { return info.param.name; });

TEST(CheckerTest, JudgesEachKeyByItself) {
  const History sound = {OfKey(1, Put(1, 2, 7, 1)), OfKey(2, Put(3, 4, 7, 2)),
                         OfKey(1, Get(5, 6, 7, 1)), OfKey(2, Get(5, 6, 7, 2))};
  EXPECT_EQ(Judge(sound).verdict, kYes);
  History other_keys = sound;
  other_keys.push_back(OfKey(2, Get(7, 8, 7, 1)));
  const Judgement judgement = Judge(other_keys);
  EXPECT_EQ(judgement.verdict, kNo);
  EXPECT_EQ(judgement.key, 2u);
}

TEST(CheckerTest, HoldsRevisionsOfDifferentKeysAgainstEachOther) {
  const Judgement judgement =
      Judge({OfKey(1, Put(1, 2, 7, 5)), OfKey(2, Put(3, 4, 8, 4)), OfKey(3, Put(3, 4, 9, 6))});
  EXPECT_EQ(judgement.verdict, kNo);
  EXPECT_THAT(judgement.core,
              ElementsAre(Field(&Operation::value, 7), Field(&Operation::value, 8)));
}

TEST(CheckerTest, NamesWhatContradictsItself) {
  History history;
  for (uint64_t i = 1; i <= 100; ++i) {
    history.push_back(Put(10 * i, 10 * i + 1, i, i));
    history.push_back(Get(10 * i + 2, 10 * i + 3, i, i));
  }
  history.push_back(Get(705, 706, 68, 68));  // after 69 was put, and while 70 is the value
  const Judgement judgement = Judge(history);
  ASSERT_EQ(judgement.verdict, kNo);
  // The newer value was found, then the old one; and where the two came from.
  EXPECT_THAT(judgement.core,
              ElementsAre(Field(&Operation::start, 680), Field(&Operation::start, 700),
                          Field(&Operation::start, 702), Field(&Operation::start, 705)))
      << Describe(judgement);
  EXPECT_THAT(Describe(judgement), HasSubstr("get     -> ok 68 revision 68"));
}

TEST(CheckerTest, SaysWhenItCannotDecide) {
  // Twelve writers died at once, and were in every order until then.
  History history;
  for (uint64_t i = 0; i < 12; ++i) history.push_back(Killed(Kind::kPut, 1, 100, i + 1));
  history.push_back(Put(2, 3, 100, 1));
  Effort effort;
  effort.configurations = 1000;
  EXPECT_EQ(Judge(history, effort).verdict, Verdict::kUndecided);
  effort = Effort();
  effort.steps = 1000;
  EXPECT_EQ(Judge(history, effort).verdict, Verdict::kUndecided);
  EXPECT_EQ(Judge(history).verdict, kYes);
  // There is a bit for each of 64.
  for (uint64_t i = 0; i < 64; ++i) history.push_back(Killed(Kind::kPut, 1, 100, i + 200));
  EXPECT_EQ(Judge(history).verdict, Verdict::kUndecided);
}

// A history that a sound store could have given: made from operations one at a time, each then
// stretched to both sides of its moment; and one in `killed_one_in` has no answer.
History RandomSoundHistory(std::mt19937_64* random, uint64_t operations, uint32_t keys,
                           uint64_t stretch, uint64_t killed_one_in) {
  struct Entry {
    uint64_t value = 0;  // 0: absent
    uint64_t revision = 0;
  };
  std::map<uint32_t, Entry> entries;
  uint64_t revision = 0;
  History history;
  for (uint64_t i = 1; i <= operations; ++i) {
    Operation operation;
    operation.kind = static_cast<Kind>((*random)() % 5);
    operation.key = static_cast<uint32_t>((*random)() % keys);
    const uint64_t moment = stretch + 4 * i;
    operation.start = moment - (*random)() % stretch;
    operation.end = moment + (*random)() % stretch;
    Entry& entry = entries[operation.key];
    const bool present = entry.value != 0;
    const bool killed = (*random)() % killed_one_in == 0;
    const bool happens = !killed || (*random)() % 2 == 0;
    if (operation.kind == Kind::kGet) {
      operation.outcome = present ? Outcome::kOk : Outcome::kAbsent;
      operation.value = entry.value;
      operation.revision = entry.revision;
    } else if (operation.kind == Kind::kDelete) {
      operation.outcome = present ? Outcome::kOk : Outcome::kAbsent;
      if (happens) entry = Entry();
      ++revision;
    } else {
      operation.value = i;
      const bool refused = operation.kind == (present ? Kind::kAdd : Kind::kReplace);
      if (refused) {
        operation.outcome = present ? Outcome::kPresent : Outcome::kAbsent;
      } else if (happens) {
        operation.revision = ++revision;
        entry = {i, revision};
      }
    }
    if (killed) {
      operation.outcome = Outcome::kUnknown;
      operation.revision = 0;
      if (operation.kind == Kind::kGet) operation.value = 0;
    }
    history.push_back(operation);
  }
  return history;
}

TEST(CheckerTest, AcceptsWhatASoundStoreGives) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    const History history = RandomSoundHistory(&random, 300, 3, 1 + random() % 30, 12);
    const Judgement judgement = Judge(history);
    ASSERT_EQ(judgement.verdict, kYes) << "seed " << seed << "\n" << Describe(judgement);
  }
}

TEST(CheckerTest, FindsEveryFault) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random(seed);
  std::map<Fault, int> injected;
  Effort verdict_only;
  verdict_only.core = false;
  for (int i = 0; i < 50; ++i) {
    const History sound = RandomSoundHistory(&random, 300, 3, 1 + random() % 30, 12);
    for (const Fault fault : kFaults) {
      History history = sound;
      if (!Inject(fault, &random, &history)) continue;
      ++injected[fault];
      ASSERT_EQ(Judge(history, verdict_only).verdict, kNo) << Name(fault) << ", seed " << seed;
    }
  }
  for (const Fault fault : kFaults) EXPECT_GT(injected[fault], 40) << Name(fault);
}

// The definition, word by word: some order of the operations, killed ones left out or not, keeps
// what was over before another began in front of it, and explains every answer.
class ByDefinition {
 public:
  explicit ByDefinition(History history) : history_(std::move(history)) {}

  bool Linearizable() { return Extend(0); }

 private:
  bool Extend(uint32_t placed) {
    if (placed + 1 == 1u << history_.size()) return Explains();
    for (size_t i = 0; i < history_.size(); ++i) {
      if ((placed >> i & 1) != 0) continue;
      const uint32_t then = placed | 1u << i;
      if (history_[i].outcome == Outcome::kUnknown && Extend(then)) return true;
      if (MustWait(i, placed)) continue;
      order_.push_back(&history_[i]);
      if (Extend(then)) return true;
      order_.pop_back();
    }
    return false;
  }

  bool MustWait(size_t i, uint32_t placed) const {
    for (size_t j = 0; j < history_.size(); ++j) {
      if ((placed >> j & 1) == 0 && history_[j].end < history_[i].start) return true;
    }
    return false;
  }

  bool Explains() const {
    const Operation* entry = nullptr;  // the write whose value is there
    std::map<const Operation*, uint64_t> revisions;
    std::vector<const Operation*> writes;
    for (const Operation* operation : order_) {
      const bool present = entry != nullptr;
      if (operation->outcome == Outcome::kPresent && !present) return false;
      if (operation->outcome == Outcome::kAbsent && present) return false;
      if (operation->outcome != Outcome::kOk && operation->outcome != Outcome::kUnknown) continue;
      switch (operation->kind) {
        case Kind::kGet:
          if (operation->outcome == Outcome::kUnknown) continue;
          if (!present || entry->value != operation->value) return false;
          if (revisions.emplace(entry, operation->revision).first->second != operation->revision) {
            return false;
          }
          continue;
        case Kind::kDelete:
          if (!present) return false;
          entry = nullptr;
          continue;
        case Kind::kAdd:
          if (present) return false;
          break;
        case Kind::kReplace:
          if (!present) return false;
          break;
        case Kind::kPut:
          break;
      }
      entry = operation;
      writes.push_back(operation);
      if (operation->outcome == Outcome::kOk) revisions[operation] = operation->revision;
    }
    uint64_t newest = 0;
    for (const Operation* write : writes) {
      const auto revision = revisions.find(write);
      if (revision == revisions.end()) continue;
      if (revision->second <= newest) return false;
      newest = revision->second;
    }
    return true;
  }

  const History history_;
  std::vector<const Operation*> order_;
};

TEST(CheckerTest, AgreesWithTheDefinition) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random(seed);
  int violations = 0;
  constexpr int kHistories = 2000;
  for (int i = 0; i < kHistories; ++i) {
    History history = RandomSoundHistory(&random, 7, 1, 1 + random() % 16, 3);
    for (int changes = static_cast<int>(random() % 7); changes > 0; --changes) {
      Operation& changed = history[random() % history.size()];
      switch (random() % 4) {
        case 0:
          if (changed.kind == Kind::kGet) changed.value = 1 + random() % 6;
          break;
        case 1:
          if (changed.revision != 0) changed.revision = 1 + random() % 6;
          break;
        case 2:
          changed.start -= std::min(changed.start, random() % 12);
          changed.end += random() % 12;
          break;
        default:
          std::swap(changed.start, history.front().start);
          changed.end = std::max(changed.start, changed.end);
          history.front().end = std::max(history.front().start, history.front().end);
      }
    }
    const Judgement judgement = Judge(history);
    const bool linearizable = ByDefinition(history).Linearizable();
    ASSERT_EQ(judgement.verdict, linearizable ? kYes : kNo)
        << "history " << i << ", seed " << seed << "\n"
        << Describe(judgement);
    violations += !linearizable;
  }
  EXPECT_GT(violations, kHistories / 10);
  EXPECT_LT(violations, kHistories * 9 / 10);
}

}  // namespace
}  // namespace cubby::test
