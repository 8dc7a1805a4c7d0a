// Reads what a table counts, without a lock.
#ifndef CUBBY_TABLE_STATS_H_
#define CUBBY_TABLE_STATS_H_

#include <algorithm>
#include <cstdint>

#include "base/stats.h"
#include "table/table.h"

namespace cubby::table {

inline StoreStats ReadStats(const Table& table) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const FixedPart& fixed = table.fixed();
  StoreStats stats;
#define CUBBY_READ_WORD(name, kind, unit, help) stats.name = fixed.counters.name.load(kRelaxed);
#define CUBBY_READ_BELOW(name, kind, unit, help)
  CUBBY_STORE_STATS(CUBBY_READ_WORD, CUBBY_READ_BELOW)
#undef CUBBY_READ_WORD
#undef CUBBY_READ_BELOW
  stats.revision = fixed.counters.revision.load(kRelaxed);
  stats.lock_takeovers = fixed.lock.lock.takeovers.load(kRelaxed);
  const uint64_t all = table.geometry().extent_count;
  // The bytes may be damaged: there are never more free extents than extents.
  stats.extents_in_use = all - std::min(fixed.extents.free_count.load(kRelaxed), all);
  return stats;
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_STATS_H_
