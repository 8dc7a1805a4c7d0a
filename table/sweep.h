// Passes over the whole table that remove entries, cut into steps so that no writer waits long for
// the lock; and how it is known that there is something to remove.
//
// SweepLine::next_expiry is never later than the earliest expiry in the table. A put lowers it
// before it commits. A pass raises it at its end, to the earliest of what it left and of what was
// put meanwhile (fresh_expiry, lowered by puts as well), for a put may land in a bucket already
// visited. A pass that a newer one has overtaken raises nothing: the newer one's beginning has
// reset fresh_expiry, and the newer one will see what it loses. A kill at any point leaves
// next_expiry too early at worst, which costs one more pass.
#ifndef CUBBY_TABLE_SWEEP_H_
#define CUBBY_TABLE_SWEEP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "table/table.h"

namespace cubby::table {

// How many buckets a step visits: some 100 us under the lock when each is full and cold.
inline constexpr uint64_t kBucketsPerStep = 64;

// For a put that is about to commit an entry with that expiry. REQUIRES: the caller holds the
// writer lock.
void NoteExpiry(const WritableTable& table, uint64_t expiry_ns);

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

  // REQUIRES: the caller holds the writer lock; not done(). DataLoss if damaged entries were met,
  // which stay; the others are removed all the same, and the pass goes on with the next call.
  absl::Status Step(uint64_t now_ns);

  bool done() const { return next_bucket_ == table_.geometry().bucket_count; }
  uint64_t removed() const { return removed_; }

 private:
  const WritableTable& table_;
  const bool everything_;
  uint64_t next_bucket_ = 0;
  uint64_t removed_ = 0;
  uint64_t pass_ = 0;
  uint64_t next_expiry_ = ~uint64_t{0};
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SWEEP_H_
