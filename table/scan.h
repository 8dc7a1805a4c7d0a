// Iteration over a table while writers change it, by the protocol of a get (table/reader.h): one
// home bucket at a time, because an entry may move to another bucket meanwhile, but not to another
// home.
#ifndef CUBBY_TABLE_SCAN_H_
#define CUBBY_TABLE_SCAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "os/clock.h"
#include "table/reader.h"
#include "table/table.h"

namespace cubby::table {

struct ScannedEntry {
  std::string key;
  std::string value;
  uint32_t value_bytes = 0;
  uint64_t revision = 0;
  uint64_t expiry_ns = 0;
};

struct ScanOptions {
  absl::string_view prefix;  // leaves out entries whose keys begin otherwise
  bool values = true;        // if false, copies no values
  // Copies the keys of leases, and of entries that are kept after their expiry, too.
  bool hidden = false;
};

// Copies the entries whose home is `home` and that were live at one moment, without expired ones,
// into *entries, whose strings are reused. Returns kFound (also if there are none), kDamaged if it
// left out damaged entries, or some that live more than kLongestPath buckets behind their home
// (table/overflow.h), or kContended, with no entries, after kMaxRounds disturbed rounds.
Outcome ScanHome(const Table& table, uint64_t home, std::vector<ScannedEntry>* entries,
                 os::Clock clock = os::BootNanos, const ScanOptions& options = {});

}  // namespace cubby::table

#endif  // CUBBY_TABLE_SCAN_H_
