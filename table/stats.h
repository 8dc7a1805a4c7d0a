// A table's counters, read together without a lock: each is right, together they may be an
// operation apart.
#ifndef CUBBY_TABLE_STATS_H_
#define CUBBY_TABLE_STATS_H_

#include <cstdint>

#include "table/table.h"

namespace cubby::table {

struct TableStats {
  uint64_t entries = 0;
  uint64_t expiring = 0;
  uint64_t revision = 0;
  uint64_t puts = 0;
  uint64_t deletes = 0;
  uint64_t expired = 0;
  uint64_t lock_takeovers = 0;
  uint64_t repairs = 0;
  uint64_t extents_in_use = 0;
};

inline TableStats ReadStats(const Table& table) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const Counters& counters = table.fixed().counters;
  TableStats stats;
  stats.entries = counters.entries.load(kRelaxed);
  stats.expiring = counters.expiring.load(kRelaxed);
  stats.revision = counters.revision.load(kRelaxed);
  stats.puts = counters.puts.load(kRelaxed);
  stats.deletes = counters.deletes.load(kRelaxed);
  stats.expired = counters.expired.load(kRelaxed);
  stats.repairs = counters.repairs.load(kRelaxed);
  stats.lock_takeovers = table.fixed().lock.lock.takeovers.load(kRelaxed);
  const uint64_t free = table.fixed().extents.free_count.load(kRelaxed);
  const uint64_t all = table.geometry().extent_count;
  stats.extents_in_use = all - (free < all ? free : all);
  return stats;
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_STATS_H_
