// What makes a writer's death harmless.
//
// Every change to a table is one commit: one store of a bucket's word0. Before it, nothing that
// readers believe has changed; after it, all that they believe has. What remains is bookkeeping
// that only writers read: counters and the queue of free extents. It is written down first, as
// values to be set (the Intent), so whoever owns the lock next can set them:
//
//   owner:   1. revision := next            (never used twice, even if this owner dies)
//            2. intent := all of the plan, operation last
//            3. overflow counts on the way up (a put that leaves its home bucket)
//            4. extents, slot, tag
//            5. COMMIT: word0 := plan.word0_after
//            6. counters and queue := the plan's values
//            7. overflow counts on the way down (a delete)
//            8. intent.operation := none
//   heir:    operation = none             -> nothing to do: it died in step 1, or after 8
//            word0 != plan.word0_after    -> it died before 5: nothing to set
//            word0 == plan.word0_after    -> it died after 5: do 6 (again; the same values)
//            either way, count afresh the overflow of buckets [home, bucket), then 8
//
// The heir may itself die at any point: all it does can be done again. No readers are involved:
// they never wait for a mend.
//
// REQUIRES, for all: the caller holds the writer lock.
#ifndef CUBBY_TABLE_RECOVERY_H_
#define CUBBY_TABLE_RECOVERY_H_

#include <cstdint>

#include "table/table.h"

namespace cubby::table {

// A planned change: the Intent in private memory.
struct Plan {
  Operation operation = Operation::kNone;
  uint64_t bucket = 0;
  uint64_t word0_after = 0;
  uint64_t home = 0;
  uint32_t overflow_class = 0;
  uint64_t entries_after = 0;
  uint64_t expiring_after = 0;
  uint64_t queue_before = 0;  // PackLink(head, tail)
  uint64_t queue_after = 0;
  uint32_t freed_first = kNoExtent;
  uint64_t free_count_after = 0;
};

// Step 2.
void WriteIntent(const WritableTable& table, const Plan& plan);
// Step 6.
void SetBookkeeping(const WritableTable& table, const Plan& plan);
// Step 8.
void ClearIntent(const WritableTable& table);

// What every owner does first: mends what the last one left undone, if anything. One load when
// there is nothing. Takes some 100 microseconds at most otherwise, at any table size and whatever
// the bytes: overflow counts are counted afresh until kRecountBudget bytes were read for it, and
// the others keep what they have, which may be too high and only makes some misses slower.
void MendIfNeeded(const WritableTable& table);

inline constexpr uint64_t kRecountBudget = 256 << 10;

}  // namespace cubby::table

#endif  // CUBBY_TABLE_RECOVERY_H_
