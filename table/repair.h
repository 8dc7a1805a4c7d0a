// Repair after a killed writer: finishes or drops the commit that its intent describes
// (table/commit.h says how, and why that suffices).
#ifndef CUBBY_TABLE_REPAIR_H_
#define CUBBY_TABLE_REPAIR_H_

#include <atomic>
#include <cstdint>

#include "absl/base/optimization.h"
#include "lock/writer_role.h"
#include "table/table.h"

namespace cubby::table {

// Takes some 100 microseconds at most, at any table size and for any bytes.
void Repair(const WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK;

// Every owner of the lock calls this first. One load if there is nothing to repair.
inline void RepairIfNeeded(const WritableTable& table) CUBBY_REQUIRES_WRITER_LOCK {
  if (ABSL_PREDICT_FALSE(table.fixed().intent.operation.load(std::memory_order_acquire) !=
                         static_cast<uint64_t>(Operation::kNone))) {
    Repair(table);
  }
}

}  // namespace cubby::table

#endif  // CUBBY_TABLE_REPAIR_H_
