// Iteration over a table while writers change it, one bucket at a time, by the protocol of a get
// (table/reader.h).
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

// Copies the entries that were live in `bucket` at one moment, without expired ones, into *entries,
// whose strings are reused. Returns kFound (also if the bucket is empty), kDamaged if it left out
// damaged entries, or kContended, with no entries, after kMaxRounds disturbed rounds.
Outcome ScanBucket(const Table& table, uint64_t bucket, std::vector<ScannedEntry>* entries,
                   os::Clock clock = os::BootNanos);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SCAN_H_
