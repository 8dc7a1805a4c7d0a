// One commit: the way in which every change to a table happens, and the reason why a writer's death
// is harmless.
//
// A commit is one store of a bucket's word0. Readers see the table as it was before that store or
// as it is after it. The rest is bookkeeping that only writers read: counters and the map of free
// extents. The owner of the writer lock first writes it to the intent, as values to be set, so that
// the owner's successor can set them:
//
//   owner:     1. revision := next            (never used twice, even if the owner is killed)
//              2. intent := the whole plan, operation last
//              3. overflow counts up, earliest expiry down    (a put)
//              4. extents, slot, tag and recency of a dead way (a put); while commits are recorded,
//                 the change record behind the ring's head
//              5. COMMIT: word0 := plan.word0_after
//              6. counters, extents and the ring's head := the plan's values
//              7. overflow counts down                         (a delete, a move, an eviction)
//              8. intent.operation := none
//   successor: operation = none             -> nothing to do: killed in step 1, or after 8
//              word0 != plan.word0_after    -> killed before 5: nothing to set
//              word0 == plan.word0_after    -> killed after 5: does 6 (again; the same values)
//              in both cases, recounts the overflow of the plan's path, then does 8
//
// An eviction puts a new key's entry where another's was, in the same bucket: a put whose commit
// also makes the victim's way dead. Its step 7 lowers the overflow counts of the victim's path.
//
// A move has two commits. It copies an entry into a dead way of a bucket nearer to its home, makes
// the copy live (5), and then the original dead (5b). In between the entry is live twice, with the
// same bytes, and a look-up finds the one nearer to its home; the successor of an owner killed
// there does 5b. A look-up that has passed the nearer bucket before 5 and comes to the other one
// after 5b finds neither: before it answers "not found" it looks whether a bucket that it passed
// has changed.
//
// A successor may be killed too: everything it does can be done again. Readers never wait for a
// repair.
//
#ifndef CUBBY_TABLE_COMMIT_H_
#define CUBBY_TABLE_COMMIT_H_

#include <atomic>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "lock/writer_role.h"
#include "table/changes.h"
#include "table/expiry.h"
#include "table/extents.h"
#include "table/overflow.h"
#include "table/table.h"

namespace cubby::table {

// The values that step 6 sets.
struct Books {
  uint64_t entries_after = 0;
  uint64_t expiring_after = 0;
  // Of the extents, as in the intent. The last has a meaning only if a chain has a length.
  uint64_t taken = 0;
  uint64_t freed = 0;
  uint64_t chain_lengths = 0;
  uint64_t extents_after = 0;
};

inline Chain TakenChain(const Books& books) {
  return {LinkFirst(books.taken), LinkLast(books.taken),
          static_cast<uint32_t>(books.chain_lengths)};
}
inline Chain FreedChain(const Books& books) {
  return {LinkFirst(books.freed), LinkLast(books.freed),
          static_cast<uint32_t>(books.chain_lengths >> 32)};
}

struct Plan {
  // Empty for an overwrite, which changes no overflow count, and for a move.
  Path path;
  uint32_t live_after = 0;
  Books books;
  uint64_t expiry_ns = 0;                            // of the new entry; 0: none
  std::atomic<uint64_t> Counters::*total = nullptr;  // counts this kind of commit; not for a move
};

// What an operation removes beside what its plan does.
struct Gone {
  // A move: the path that the entry leaves, from its new bucket to its old one. An eviction: that
  // of the victim.
  Path path;
  uint32_t live_after = 0;                           // a move: in the old bucket
  std::atomic<uint64_t> Counters::*total = nullptr;  // an eviction: counts this kind of victim
};

// The counter of the commits that do this.
inline std::atomic<uint64_t> Counters::*TotalOf(ChangeKind kind) {
  constexpr std::atomic<uint64_t> Counters::*kTotals[] = {nullptr,
                                                          &Counters::puts,
                                                          &Counters::deletes,
                                                          &Counters::expired,
                                                          &Counters::evictions,
                                                          &Counters::deletes,
                                                          &Counters::puts};
  return kTotals[static_cast<size_t>(kind)];
}

// Sets the extents' fields of `books`. Returns DataLoss if the count of free extents is impossible.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline absl::Status PlanExtents(const Table& table, const Chain& taken,
                                                             const Chain& freed, Books* books) {
  if (taken.length == 0 && freed.length == 0) return absl::OkStatus();
  const uint64_t count = table.geometry().extent_count;
  const ExtentLine& line = table.fixed().extents;
  // A count that is too low for what is taken is too high after this.
  const uint64_t free =
      line.free_count.load(std::memory_order_relaxed) - taken.length + freed.length;
  if (free > count) return DamagedExtents();
  uint32_t hand = line.hand.load(std::memory_order_relaxed);
  if (taken.length != 0) hand = taken.last + 1 == count ? 0 : taken.last + 1;
  books->taken = PackLink(taken.first, taken.last);
  books->freed = PackLink(freed.first, freed.last);
  books->chain_lengths = uint64_t{freed.length} << 32 | taken.length;
  books->extents_after = free << 32 | hand;
  return absl::OkStatus();
}

// The word0 values of the commits of an operation that has taken `revision`.
inline uint64_t Word0After(const Plan& plan, uint64_t revision) {
  return MakeWord0(revision, plan.live_after);
}
inline uint64_t Word0After(const Gone& gone, uint64_t revision) {
  return MakeWord0(revision + 1, gone.live_after);
}

// Step 2. `gone` is null unless it is a move or an eviction.
void WriteIntent(const WritableTable& table, Operation operation, const Plan& plan,
                 uint64_t revision, const Gone* gone) CUBBY_REQUIRES_WRITER_LOCK;

// The steps that repair shares (table/repair.h).
void SetBooks(const WritableTable& table, const Books& books) CUBBY_REQUIRES_WRITER_LOCK;  // 6
inline void ClearIntent(const WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {           // 8
  // Release: the intent is seen cleared only after everything that it covers is done.
  table.mutable_fixed().intent.operation.store(static_cast<uint64_t>(Operation::kNone),
                                               std::memory_order_release);
}

// Executes the plan and returns the revision of the (first) commit. `fill(revision)` does step 4.
// Nothing can fail. REQUIRES: `gone` is set if it is a move or an eviction.
template <Operation kOperation, typename Fill>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline uint64_t Execute(
    const WritableTable& table, const Plan& plan, const Fill& fill, const Gone* gone = nullptr,
    const Changes* changes = nullptr) CUBBY_REQUIRES_WRITER_LOCK {
  constexpr bool kMoves = kOperation == Operation::kMove;
  constexpr bool kEvicts = kOperation == Operation::kEvict;
  Counters& counters = table.mutable_fixed().counters;
  // The record of an eviction's victim has the revision before.
  const uint64_t revision = counters.revision.load(std::memory_order_relaxed) + (kEvicts ? 2 : 1);
  // Release: a successor that sees the revision in a slot or a word0 sees it handed out too.
  counters.revision.store(revision + (kMoves ? 1 : 0), std::memory_order_release);  // 1
  WriteIntent(table, kOperation, plan, revision, gone);                             // 2
  if ((kOperation == Operation::kPut || kEvicts) && plan.path.home != plan.path.bucket) {
    RaiseOverflow(table, plan.path);  // 3
  }
  // A move too may take its entry to a bucket that a sweep has visited.
  if (kOperation != Operation::kDelete && plan.expiry_ns != 0) {
    NoteExpiry(table, plan.path.bucket, plan.expiry_ns);
  }
  fill(revision);  // 4
  const uint64_t changes_head =
      changes != nullptr ? WriteChanges(table, *changes, revision) : 0;  // 4
  // Release: publishes slot, tag, extents and overflow counts to every reader that loads this
  // word0, and a reader that sees an entry gone sees nothing older than that.
  table.mutable_head(plan.path.bucket)
      .word0.store(Word0After(plan, revision), std::memory_order_release);  // 5
  if constexpr (kMoves) {
    // Release: a reader that finds the original gone sees that the bucket of the copy has changed.
    table.mutable_head(gone->path.bucket)
        .word0.store(Word0After(*gone, revision), std::memory_order_release);  // 5b
  }
  SetBooks(table, plan.books);                               // 6
  if (changes != nullptr) ShowChanges(table, changes_head);  // 6
  const auto count = [&counters](std::atomic<uint64_t> Counters::*total) {
    (counters.*total)
        .store((counters.*total).load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  if constexpr (!kMoves) count(plan.total);
  if constexpr (kEvicts) count(gone->total);
  if constexpr (kMoves) LowerOverflow(table, gone->path);                                 // 7
  if (kEvicts && gone->path.home != gone->path.bucket) LowerOverflow(table, gone->path);  // 7
  if (kOperation == Operation::kDelete && plan.path.home != plan.path.bucket) {
    LowerOverflow(table, plan.path);  // 7
  }
  ClearIntent(table);  // 8
  return revision;
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_COMMIT_H_
