#include "attach/mapped_table.h"

#include <utility>

#include "base/status_macros.h"

namespace cubby::attach {
namespace {

std::unique_ptr<os::FaultGuard> MakeGuard(const os::Mapping& mapping, Guard guard) {
  if (guard == Guard::kNone) return nullptr;
  return std::make_unique<os::FaultGuard>(mapping.data(), mapping.size());
}

}  // namespace

MappedTable::MappedTable(os::Mapping mapping, std::unique_ptr<os::FaultGuard> guard,
                         const table::Geometry& geometry)
    : mapping_(std::move(mapping)), guard_(std::move(guard)), table_(mapping_.data(), geometry) {}

absl::StatusOr<MappedTable> MappedTable::Adopt(os::Mapping* mapping, Guard guard) {
  std::unique_ptr<os::FaultGuard> made = MakeGuard(*mapping, guard);
  ASSIGN_OR_RETURN(const table::Geometry geometry,
                   table::ReadGeometry(mapping->data(), mapping->size()));
  return MappedTable(std::move(*mapping), std::move(made), geometry);
}

MappedTable MappedTable::Format(os::Mapping mapping, Guard guard, const table::Geometry& geometry) {
  std::unique_ptr<os::FaultGuard> made = MakeGuard(mapping, guard);
  table::Format(mapping.data(), geometry);
  return MappedTable(std::move(mapping), std::move(made), geometry);
}

void RetireUnreadable(const os::Mapping& mapping) {
  const std::unique_ptr<os::FaultGuard> guard = MakeGuard(mapping, Guard::kTruncated);
  table::RetireUnreadable(mapping.data(), mapping.size());
}

}  // namespace cubby::attach
