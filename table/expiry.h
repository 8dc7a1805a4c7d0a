// How a table knows, without a walk, that some entry may have expired, and where.
//
// ExpiryLine::next_expiry is never later than the earliest expiry in the table. A put lowers it
// before it commits. A sweep (table/sweep.h) raises it at its end to the earliest of what it left
// and of what was put meanwhile: fresh_expiry, which puts lower as well, because a put may land in
// a bucket that the sweep has visited. A kill at any point leaves next_expiry too early at worst,
// which costs one more sweep.
//
// GroupExpiry::next_expiry is the same of kBucketsPerExpiry buckets. A put lowers it, too, and a
// sweep that has visited all of them raises it, so that it visits only those in which something may
// have expired: the others cost it one word for each group.
#ifndef CUBBY_TABLE_EXPIRY_H_
#define CUBBY_TABLE_EXPIRY_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/base/optimization.h"
#include "lock/writer_role.h"
#include "table/table.h"

namespace cubby::table {

// Lowers the earliest expiries for an entry that is about to be committed in `bucket`.
inline void NoteExpiry(const WritableTable& table, uint64_t bucket,
                       uint64_t expiry_ns) CUBBY_REQUIRES_WRITER_LOCK {
  if (ABSL_PREDICT_TRUE(table.geometry().has_expiries)) {
    std::atomic<uint64_t>& earliest =
        table.mutable_group_expiry(bucket / kBucketsPerExpiry).next_expiry;
    const uint64_t before = earliest.load(std::memory_order_relaxed);
    if (before == 0 || expiry_ns < before) earliest.store(expiry_ns, std::memory_order_relaxed);
  }
  ExpiryLine& line = table.mutable_fixed().expiry;
  for (std::atomic<uint64_t>* earliest : {&line.next_expiry, &line.fresh_expiry}) {
    if (expiry_ns < earliest->load(std::memory_order_relaxed)) {
      earliest->store(expiry_ns, std::memory_order_relaxed);
    }
  }
}

// How long after its expiry an entry is kept at least, by its slot's flags: not at all, or 8 to 15
// times a power of 2, in milliseconds, from 9 on.
inline constexpr uint64_t kStaleUnitNs = 1'000'000;
inline constexpr uint32_t kMostStale = 0xff;
inline uint64_t StaleNs(uint32_t flags) {
  const uint32_t code = flags >> kStaleShift & kMostStale;
  return code == 0 ? 0 : ((uint64_t{8} + code % 8) << code / 8) * kStaleUnitNs;
}
// Returns the flags of the least such time that is not below `stale_ns`; those of the longest, a
// year, if there is none.
inline uint32_t StaleFlags(uint64_t stale_ns) {
  const uint64_t units = stale_ns / kStaleUnitNs + (stale_ns % kStaleUnitNs != 0 ? 1 : 0);
  if (units == 0) return 0;
  if (units <= 9) return uint32_t{1} << kStaleShift;
  // As many bits as the mantissa has, 4, rounded up.
  const auto exponent = static_cast<uint32_t>(std::max(60 - __builtin_clzll(units), 0));
  const uint64_t mantissa = (units + (uint64_t{1} << exponent) - 1) >> exponent;
  return static_cast<uint32_t>(
             std::min<uint64_t>(uint64_t{8} * exponent + mantissa - 8, kMostStale))
         << kStaleShift;
}

// The flags of a slot that say so.
inline uint32_t StaleFlagsIn(const SlotHead& slot) {
  return UnpackLengths(slot.lengths.load(std::memory_order_relaxed)).flags & kStaleFlags;
}

// Returns the BootNanos() from which on a sweep removes the entry; 0: never.
inline uint64_t GoneNs(uint64_t expiry_ns, uint32_t flags) {
  // A lease's expiry is that of the value of before, too.
  if (expiry_ns == 0 || (flags & kSlotFlagLease) != 0) return expiry_ns;
  const uint64_t gone = expiry_ns + StaleNs(flags);
  return gone < expiry_ns ? ~uint64_t{0} : gone;
}
inline uint64_t GoneNs(const SlotHead& slot) {
  return GoneNs(slot.expiry_ns.load(std::memory_order_relaxed),
                UnpackLengths(slot.lengths.load(std::memory_order_relaxed)).flags);
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
