// How a table knows, without a walk, that some entry may have expired.
//
// ExpiryLine::next_expiry is never later than the earliest expiry in the table. A put lowers it
// before it commits. A sweep (table/sweep.h) raises it at its end to the earliest of what it left
// and of what was put meanwhile: fresh_expiry, which puts lower as well, because a put may land in
// a bucket that the sweep has visited. A kill at any point leaves next_expiry too early at worst,
// which costs one more sweep.
#ifndef CUBBY_TABLE_EXPIRY_H_
#define CUBBY_TABLE_EXPIRY_H_

#include <atomic>
#include <cstdint>

#include "lock/writer_role.h"
#include "table/table.h"

namespace cubby::table {

// Lowers the earliest expiries for an entry that is about to be committed.
inline void NoteExpiry(const WritableTable& table, uint64_t expiry_ns) CUBBY_REQUIRES_WRITER_LOCK {
  ExpiryLine& line = table.mutable_fixed().expiry;
  for (std::atomic<uint64_t>* earliest : {&line.next_expiry, &line.fresh_expiry}) {
    if (expiry_ns < earliest->load(std::memory_order_relaxed)) {
      earliest->store(expiry_ns, std::memory_order_relaxed);
    }
  }
}

// True if some entry may have expired by `now_ns`. Needs no lock.
inline bool MayHaveExpired(const Table& table, uint64_t now_ns) {
  return table.fixed().counters.expiring.load(std::memory_order_relaxed) != 0 &&
         table.fixed().expiry.next_expiry.load(std::memory_order_relaxed) <= now_ns;
}

// One pass of a sweep over the whole table. Several may overlap: a pass that a newer one has
// overtaken raises nothing, because the newer one's beginning has reset fresh_expiry, and the newer
// one meets what that forgot.
class ExpiryPass {
 public:
  void Begin(const WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
    ExpiryLine& line = table.mutable_fixed().expiry;
    // In this order: an older pass must not raise next_expiry without what is forgotten here.
    number_ = line.newest_pass.load(std::memory_order_relaxed) + 1;
    line.newest_pass.store(number_, std::memory_order_relaxed);
    line.fresh_expiry.store(~uint64_t{0}, std::memory_order_release);
  }
  // `earliest`: of the entries that the pass left.
  void End(const WritableTable& table, uint64_t earliest) const CUBBY_REQUIRES_WRITER_LOCK {
    ExpiryLine& line = table.mutable_fixed().expiry;
    if (line.newest_pass.load(std::memory_order_relaxed) != number_) return;
    const uint64_t fresh = line.fresh_expiry.load(std::memory_order_relaxed);
    line.next_expiry.store(fresh < earliest ? fresh : earliest, std::memory_order_relaxed);
  }

 private:
  uint64_t number_ = 0;
};

}  // namespace cubby::table

#endif  // CUBBY_TABLE_EXPIRY_H_
