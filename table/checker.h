// Checks a whole table and reports every violated invariant.
#ifndef CUBBY_TABLE_CHECKER_H_
#define CUBBY_TABLE_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "table/table.h"

namespace cubby::table {

struct CheckResult {
  std::vector<std::string>
      problems;                // one line each, at most kMaxProblems; empty if the table is sound
  uint64_t more_problems = 0;  // number of further problems
  uint64_t entries = 0;        // live slots
  uint64_t extents_in_use = 0;
  // Overflow counts above the exact value, as a killed writer may leave them. They make some misses
  // slower and are not a problem.
  uint64_t loose_overflow_counts = 0;

  bool sound() const { return problems.empty(); }
};

inline constexpr size_t kMaxProblems = 100;

// Checks: each live slot whole, within limits, filed under the right tag; each key in one place
// only, and found from its home (overflow counts high enough on the way); a dead way in every
// bucket; each extent in the free queue or in one live value, never both or neither; counters equal
// to what is there; nothing left to repair.
//
//   Checker checker(table);
//   while (!checker.done()) checker.Step();
//   <use checker.result()>
//
// Changes nothing and never reads outside the table, whatever bytes it holds. Time: linear in the
// table. Memory: a bit for each extent, and 32 bytes for each entry that lives away from home. In a
// full table of honest keys that are 2 % of them, so that 100 million entries take some 64 MB; keys
// or bytes that somebody chose can make it all of them. It may be dropped at any time.
//
// REQUIRES: the caller holds the writer lock from the constructor to the last step, without a break
// (else an operation in progress looks like damage).
class Checker {
 public:
  // `table` outlives this.
  explicit Checker(const Table& table);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // Some 10 to 100 us; a few ms if keys are as long as keys can be.
  void Step();
  bool done() const;
  // Complete when done().
  const CheckResult& result() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// To the end, however long that takes.
CheckResult Check(const Table& table);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_CHECKER_H_
