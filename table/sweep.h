// Passes over the whole table that remove entries, cut into steps so that no writer waits long for
// the lock.
#ifndef CUBBY_TABLE_SWEEP_H_
#define CUBBY_TABLE_SWEEP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "lock/writer_role.h"
#include "table/expiry.h"
#include "table/table.h"

namespace cubby::table {

// After how many removed entries a step ends, at the next bucket, or else after a group of buckets
// (table/expiry.h): some 100 us under the lock at most.
inline constexpr uint64_t kRemovedPerStep = 32;
// How many groups in which nothing has expired a step passes at most.
inline constexpr uint64_t kPassedPerStep = 4096;

// One pass that deletes the expired entries, or, made with `everything`, all entries.
//
//   Sweep sweep(table, /*everything=*/false);
//   while (!sweep.done()) { <take the writer lock>; sweep.Step(now_ns); }
//
// When it is done, every entry that was live, and expired, when it began is gone. It may be dropped
// at any time. It visits the groups of buckets in their order, from that of bucket `first` on, and
// then those before; of the expired entries, only the groups that may have some.
class Sweep {
 public:
  Sweep(const WritableTable& table, bool everything, uint64_t first = 0)
      : table_(table), everything_(everything), group_(first / kBucketsPerExpiry) {}

  // Returns DataLoss if it met damaged entries, which stay; it removes the others all the same, and
  // the next call continues. REQUIRES: not done().
  absl::Status Step(uint64_t now_ns) CUBBY_REQUIRES_WRITER_LOCK;

  bool done() const { return groups_done_ == ExpiryGroups(table_.geometry()); }
  uint64_t removed() const { return removed_; }

 private:
  // Passes groups in which nothing has expired. Returns true if it has come to one in which
  // something may have.
  bool PassGroups(uint64_t now_ns);
  // Clears buckets of the group. Returns as Step().
  absl::Status ClearBuckets(uint64_t now_ns) CUBBY_REQUIRES_WRITER_LOCK;
  // Goes on to the next group; `earliest` is when the first entry of this one goes, or 0.
  void EndGroup(uint64_t earliest);

  const WritableTable& table_;
  const bool everything_;
  uint64_t group_;
  uint64_t groups_done_ = 0;
  uint64_t cleared_ = 0;  // buckets of the group
  uint64_t removed_ = 0;
  ExpiryPass pass_;
  bool begun_ = false;
  uint64_t next_expiry_ = ~uint64_t{0};
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SWEEP_H_
