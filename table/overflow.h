// The overflow counts: what tells a look-up whether it must go on to the next bucket.
//
// An entry that lives n buckets behind its home raises a count in each of these n buckets, that of
// its class (16 classes by the key's hash). Counts are too high after some kills, and where more
// than 14 entries passed a bucket, and are then counted again; they are never too low.
//
// REQUIRES, for all: the caller holds the writer lock. Hostile bytes are survived: every walk is
// bounded.
#ifndef CUBBY_TABLE_OVERFLOW_H_
#define CUBBY_TABLE_OVERFLOW_H_

#include <cstdint>

#include "lock/writer_role.h"
#include "table/table.h"

namespace cubby::table {

// The buckets [home, bucket): an entry of that class which lives in `bucket` raises their overflow
// counts.
struct Path {
  uint64_t home = 0;
  uint64_t bucket = 0;
  uint32_t overflow_class = 0;
};

// Walks that visit all entries of a home go no further than this many buckets: bounds the time for
// hostile bytes. (So many are needed only by 60,000 keys whose hashes were made equal.)
inline constexpr uint64_t kLongestPath = 4096;

// The most that RecountOverflow() reads, in bytes: some 20 to 100 us.
inline constexpr uint64_t kRecountBudget = 256 << 10;

// Add 1 to the counts of the path, or take 1 away. A count of kOverflowFull may stand for more:
// Lower() has these counted again.
void RaiseOverflow(const WritableTable& table, const Path& path) CUBBY_REQUIRES_WRITER_LOCK;
void LowerOverflow(const WritableTable& table, const Path& path) CUBBY_REQUIRES_WRITER_LOCK;

// Sets the counts of the path's class to their right values, on the path and up to the first bucket
// behind it that no entry of the class passes. Takes one walk there and one back. Leaves the rest
// of the counts as they are, none of them too low, where more than kMostPassing entries pass or the
// budget is spent.
void RecountOverflow(const WritableTable& table, const Path& path) CUBBY_REQUIRES_WRITER_LOCK;
inline constexpr uint32_t kMostPassing = 64;

}  // namespace cubby::table

#endif  // CUBBY_TABLE_OVERFLOW_H_
