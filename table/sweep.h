// Passes over the whole table that remove entries, cut into steps so that no writer waits long for
// the lock.
#ifndef CUBBY_TABLE_SWEEP_H_
#define CUBBY_TABLE_SWEEP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "table/table.h"
#include "table/writer.h"

namespace cubby::table {

// How many buckets a step visits: some 100 us under the lock when each is full and cold.
inline constexpr uint64_t kBucketsPerStep = 64;

// True if some entry may have expired by `now_ns`. Needs no lock.
bool MayHaveExpired(const Table& table, uint64_t now_ns);

// One pass that deletes what has expired, or, made with `everything`, all that is there.
//
//   Sweep sweep(table, /*everything=*/false);
//   while (!sweep.done()) { <take the writer lock>; sweep.Step(now_ns); }
//
// Every entry that is there, and expired, when the pass begins is gone when it is done. It may be
// dropped at any time.
class Sweep {
 public:
  Sweep(const WritableTable& table, bool everything) : table_(table), everything_(everything) {}

  // REQUIRES: the caller holds the writer lock; not done(). DataLoss if damage is met; the pass
  // goes on behind that bucket with the next call.
  absl::Status Step(uint64_t now_ns);

  bool done() const { return next_bucket_ == table_.geometry().bucket_count; }
  uint64_t removed() const { return removed_; }

 private:
  const WritableTable& table_;
  const bool everything_;
  uint64_t next_bucket_ = 0;
  uint64_t removed_ = 0;
  uint64_t puts_at_start_ = 0;
  uint64_t next_expiry_ = ~uint64_t{0};
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SWEEP_H_
