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

// How many buckets a step visits: some 100 us under the lock when each is full and cold.
inline constexpr uint64_t kBucketsPerStep = 32;

// One pass that deletes the expired entries, or, made with `everything`, all entries.
//
//   Sweep sweep(table, /*everything=*/false);
//   while (!sweep.done()) { <take the writer lock>; sweep.Step(now_ns); }
//
// When it is done, every entry that was live, and expired, when it began is gone. It may be dropped
// at any time. It visits the buckets in their order from `first` on, and then those before.
class Sweep {
 public:
  Sweep(const WritableTable& table, bool everything, uint64_t first = 0)
      : table_(table), everything_(everything), next_(first) {}

  // Returns DataLoss if it met damaged entries, which stay; it removes the others all the same, and
  // the next call continues. REQUIRES: not done().
  absl::Status Step(uint64_t now_ns) CUBBY_REQUIRES_WRITER_LOCK;

  bool done() const { return visited_ == table_.geometry().bucket_count; }
  uint64_t removed() const { return removed_; }

 private:
  const WritableTable& table_;
  const bool everything_;
  uint64_t next_;  // the next bucket
  uint64_t visited_ = 0;
  uint64_t removed_ = 0;
  ExpiryPass pass_;
  uint64_t next_expiry_ = ~uint64_t{0};
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SWEEP_H_
