// Iteration over a table that others may be writing; the same protocol as a get (table/reader.h), a
// bucket at a time.
#ifndef CUBBY_TABLE_SCAN_H_
#define CUBBY_TABLE_SCAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "os/clock.h"
#include "table/reader.h"
#include "table/table.h"

namespace cubby::table {

struct ScannedEntry {
  std::string key;
  std::string value;
  uint64_t revision = 0;
  uint64_t expiry_ns = 0;
};

// Copies the entries that were live in `bucket` at one moment, expired ones left out, into *entries
// (whose strings are reused). kFound, also for none; kContended; kDamaged.
Outcome ScanBucket(const Table& table, uint64_t bucket, std::vector<ScannedEntry>* entries,
                   os::Clock clock = os::BootNanos);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SCAN_H_
