#include "bench/local_store.h"

#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "attach/mapped_table.h"
#include "bench/local_name.h"
#include "lock/seats.h"
#include "os/mapping.h"

namespace cubby::bench {
namespace {

constexpr uint32_t kMode = 0600;

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> MakeLocalStore(const table::GeometryOptions& options) {
  absl::StatusOr<table::Geometry> geometry = table::PlanGeometry(options);
  if (!geometry.ok()) return geometry.status();
  const std::string name = LocalName();
  bool created = false;
  absl::StatusOr<std::unique_ptr<lock::Seats>> seats =
      lock::Seats::OpenForDaemon(name, kMode, &created);
  if (!seats.ok()) return seats.status();
  // Only other processes need the names, and none is to open the store. A name that could not be
  // removed does not change what is measured.
  absl::Cleanup remove_seats = [&name] { lock::Seats::Remove(name).IgnoreError(); };
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(name, geometry->total_bytes, kMode);
  if (!mapping.ok()) return mapping.status();
  absl::Cleanup remove_mapping = [&name] { os::Mapping::Remove(name).IgnoreError(); };
  mapping->UseHugePages().IgnoreError();  // as cubbyd does
  absl::Status given = (*seats)->GiveTo(geometry->instance);
  if (!given.ok()) return given;
  attach::MappedTable::Format(*std::move(mapping), attach::Guard::kNone, *geometry);
  return Store::Open(name);
}

}  // namespace cubby::bench
