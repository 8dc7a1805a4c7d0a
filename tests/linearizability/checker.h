// Judges recorded histories: whether what the processes of a test were answered can be explained by
// operations that took effect one at a time, each at one moment between its start and its end
// (linearizability; Herlihy and Wing 1990). Keys are independent of each other, so each is judged
// by itself.
//
//   std::vector<test::Operation> history = ...;          // of all processes, in any order
//   const test::Judgement judgement = test::Judge(history);
//   EXPECT_EQ(judgement.verdict, test::Verdict::kLinearizable) << test::Describe(judgement);
//
// The search is Wing and Gong's (1993) as Lowe refined it ("Testing for linearizability", 2017):
// operations are placed just in time, when one that ends needs it, and what the key can be at a
// moment is kept as a set of configurations, so that orders which lead to the same are gone through
// once. With few operations under way at once the work is linear in the history's length.
#ifndef CUBBY_TESTS_LINEARIZABILITY_CHECKER_H_
#define CUBBY_TESTS_LINEARIZABILITY_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cubby::test {

enum class Kind : uint8_t { kGet, kPut, kAdd, kReplace, kDelete };

enum class Outcome : uint8_t {
  kOk,        // found, put or deleted
  kAbsent,    // refused, the key was not there
  kPresent,   // refused, the key was there
  kNoEffect,  // refused for another reason: says nothing about the key
  // Its process died before it had an answer. It took effect at one moment before `end`, when the
  // process was known to be dead, or not at all.
  kUnknown,
};

struct Operation {
  Kind kind = Kind::kGet;
  Outcome outcome = Outcome::kOk;
  uint32_t key = 0;
  uint32_t process = 0;  // for people
  // Of a clock that all processes share. The operation happened in between, ends included.
  uint64_t start = 0;
  uint64_t end = 0;
  // Which value was put, or found. REQUIRES: each put, add and replace of a key has another one.
  uint64_t value = 0;
  // What a successful put, add or replace returned, or a get found with the value. The store gives
  // every write a larger one than all before it, whatever their keys.
  uint64_t revision = 0;
};

enum class Verdict {
  kLinearizable,
  kViolation,
  kUndecided,  // it took more than Effort allows, or the history is none (an end before its start)
};

struct Effort {
  size_t configurations = 100'000;  // at most, of a key at a moment; about 150 bytes each
  uint64_t steps = 50'000'000;      // at most, for a key: operations tried
  bool core = true;  // whether to find a violation's core, which takes some hundred verdicts
};

struct Judgement {
  Verdict verdict = Verdict::kLinearizable;
  std::string why;   // one line; empty if linearizable
  uint32_t key = 0;  // the first one that is not
  // Of a violation: operations that contradict each other, whatever the others were answered and
  // whether they took effect or not, and the writes of what these found. By start.
  std::vector<Operation> core;
  // The key's operations, by start.
  std::vector<Operation> operations;
  size_t most_configurations = 0;
};

// Every key is taken to be absent before the history's first operation.
Judgement Judge(const std::vector<Operation>& history, const Effort& effort = {});

// One line, with its times counted from `zero`.
std::string Describe(const Operation& operation, uint64_t zero);
// `why`, the core, and the key's whole history, one operation a line.
std::string Describe(const Judgement& judgement);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_CHECKER_H_
