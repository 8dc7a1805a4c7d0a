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

// Invariants: each live slot is whole, within limits and has the right tag, hint
// and distance; each key is in one
// place only and found from its home bucket (overflow counts are high enough on the way); every
// bucket has a dead way; each extent is either free in the extent map or in exactly one live value;
// counters equal the table's contents; the records of the change ring follow each other in the
// order of their revisions; no repair is pending.
//
//   Checker checker(table);
//   while (!checker.done()) checker.Step();
//   <use checker.result()>
//
// Changes nothing and never reads outside the table, for any bytes in it. Time: linear in the
// table. Memory: a bit for each extent, and 32 bytes for each entry away from its home bucket. In a
// full table these are 2 % of the entries, so that 100 million entries take some 64 MB; chosen keys
// or bytes can make it all entries. A Checker may be destroyed before it is done.
//
// REQUIRES: the caller holds the writer lock from the constructor to the last step without a break
// (else an operation in progress looks like damage).
class Checker {
 public:
  // `table` must outlive this.
  explicit Checker(const Table& table);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // Takes some 10 to 100 us; a few ms with keys of the largest size.
  void Step();
  bool done() const;
  // Complete when done().
  const CheckResult& result() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// Runs to the end, without a limit of time.
CheckResult Check(const Table& table);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_CHECKER_H_
