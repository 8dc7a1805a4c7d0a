// A table in a mapping: the mapping, a guard against its truncation, and the validated geometry.
#ifndef CUBBY_ATTACH_MAPPED_TABLE_H_
#define CUBBY_ATTACH_MAPPED_TABLE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/table.h"

namespace cubby::attach {

enum class Guard {
  kNone,      // truncation of the file ends the process by SIGBUS (Linux)
  kTruncated  // truncation is noticed: see Truncated()
};

class MappedTable {
 public:
  // Reads and validates the header. Errors are those of table::ReadGeometry(); *mapping is moved
  // from only without one.
  static absl::StatusOr<MappedTable> Adopt(os::Mapping* mapping, Guard guard);
  // Lays an empty table of that shape out in a mapping of zeros.
  static MappedTable Format(os::Mapping mapping, Guard guard, const table::Geometry& geometry);

  MappedTable(MappedTable&&) = default;
  MappedTable& operator=(MappedTable&&) = delete;

  const os::Mapping& mapping() const { return mapping_; }
  // Stores through it fault if the mapping is open read-only.
  const table::WritableTable& table() const { return table_; }

  // True once a page was found missing under the guard. One load.
  bool Tripped() const { return guard_ != nullptr && guard_->tripped(); }
  // True if the mapping's file was truncated: what is read from the table then is meaningless. One
  // system call: not every missing page faults. Of a huge page in which the new end lies, the
  // kernel may leave the rest as zeros.
  bool Truncated() const { return Tripped() || mapping_.Truncated(); }

 private:
  MappedTable(os::Mapping mapping, std::unique_ptr<os::FaultGuard> guard,
              const table::Geometry& geometry);

  os::Mapping mapping_;
  std::unique_ptr<os::FaultGuard> guard_;
  table::WritableTable table_;
};

// Marks as retired what Adopt() did not accept: see table::RetireUnreadable().
void RetireUnreadable(const os::Mapping& mapping);

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_MAPPED_TABLE_H_
