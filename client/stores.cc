#include "client/stores.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "attach/store_clock.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "client/served_store.h"
#include "lock/seats.h"
#include "os/clock.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/layout.h"
#include "table/stats.h"
#include "table/table.h"

namespace cubby {
namespace {

// For a section of Windows, which does not tell its size by its name: it cannot be shortened.
constexpr uint64_t kAnySize = std::numeric_limits<uint64_t>::max();

// Sets has_daemon by the daemon's lock, if this process may ask for it.
void AskForDaemon(StoreRow* row) {
  const absl::StatusOr<std::unique_ptr<lock::Seats>> seats = lock::Seats::Open(row->name);
  if (absl::IsPermissionDenied(seats.status())) return;
  row->has_daemon =
      seats.ok() && ((*seats)->IsHeld(lock::kDaemonSeat) || (*seats)->IsHeld(lock::kHandOverSeat));
}

bool HasBeaten(const table::StateLine& line) {
  const uint64_t beat = line.heartbeat_ns.load(std::memory_order_relaxed);
  const uint64_t now = os::BootNanos();
  return beat != 0 &&
         absl::Nanoseconds(static_cast<int64_t>(now - std::min(beat, now))) < kHeartbeatPatience;
}

// The state of a store that can be opened.
StoreState StateOf(const StoreRow& row, const table::Table& table) {
  switch (table::StateOf(table)) {
    case table::State::kRetired:
      return StoreState::kRetired;
    case table::State::kServing:
    case table::State::kSealed:
      break;
    default:
      return StoreState::kDamaged;
  }
  if (!row.has_daemon.has_value()) return StoreState::kUnknown;
  if (*row.has_daemon) return StoreState::kServed;
  switch (table::AtEndOf(table.fixed().state)) {
    case table::AtEnd::kRemoved:
      return StoreState::kLeft;
    case table::AtEnd::kKept:
      return StoreState::kKept;
    default:
      return StoreState::kUnserved;
  }
}

StoreState StateOf(const absl::Status& unreadable) {
  switch (unreadable.code()) {
    case absl::StatusCode::kUnavailable:
      return StoreState::kHalfMade;
    case absl::StatusCode::kUnimplemented:
      return StoreState::kOtherLayout;
    case absl::StatusCode::kFailedPrecondition:
      return StoreState::kForeign;
    default:
      return StoreState::kDamaged;
  }
}

// Completes *row by the fixed part of a generation. Returns the number of its successor, 0 if it
// has none.
uint64_t LookInto(const os::StoreFile& file, const os::Mapping& mapping, StoreRow* row) {
  // It may be shortened at any time.
  const os::FaultGuard guard(mapping.data(), mapping.size());
  const auto unreadable = [row](const absl::Status& why) {
    row->state = StateOf(why);
    row->why = std::string(why.message());
    return uint64_t{0};
  };
  row->layout = table::LayoutIn(mapping.data(), mapping.size());
  const absl::StatusOr<table::Geometry> geometry =
      ReadHeader(mapping, file.bytes.value_or(kAnySize));
  if (!geometry.ok()) return unreadable(geometry.status());
  const table::Table table(mapping.data(), *geometry);
  const table::FixedPart& fixed = table.fixed();
  row->daemon_pid = fixed.state.daemon_pid.load(std::memory_order_relaxed);
  // The heartbeat of another boot clock means nothing here.
  if (!row->has_daemon.has_value()) {
    if (attach::CheckClock(row->name, mapping, *geometry).ok()) {
      row->has_daemon = HasBeaten(fixed.state);
    } else {
      row->why = "it is of another time namespace, and its lock file is not readable";
    }
  }
  row->entries = table::ReadStats(table).entries;
  if (!file.bytes.has_value()) row->bytes = row->bytes.value_or(0) + geometry->total_bytes;
  row->state = StateOf(*row, table);
  const uint64_t next = table::SuccessorOf(table).value_or(0);
  if (guard.tripped()) {
    row->entries.reset();
    row->state = StoreState::kDamaged;
    row->why = "truncated";
    return 0;
  }
  return next > geometry->generation ? next : 0;
}

// What the files alone tell.
StoreRow RowOf(const os::StoreFiles& files) {
  StoreRow row;
  row.name = files.store;
  const os::StoreFile* const first = !files.mappings.empty()       ? &files.mappings.front()
                                     : files.lock_file.has_value() ? &*files.lock_file
                                                                   : nullptr;
  if (first == nullptr) return row;
  row.owner = first->owner;
  row.own = first->own;
  row.mode = first->mode;
  for (const os::StoreFile& file : files.mappings) {
    if (file.bytes.has_value()) row.bytes = row.bytes.value_or(0) + *file.bytes;
  }
  return row;
}

}  // namespace

const char* NameOf(StoreState state) {
  switch (state) {
    case StoreState::kServed:
      return "served";
    case StoreState::kKept:
      return "kept";
    case StoreState::kLeft:
      return "left";
    case StoreState::kUnserved:
      return "unserved";
    case StoreState::kRetired:
      return "retired";
    case StoreState::kHalfMade:
      return "half made";
    case StoreState::kDamaged:
      return "damaged";
    case StoreState::kOtherLayout:
      return "other layout";
    case StoreState::kForeign:
      return "not a store";
    case StoreState::kNoMapping:
      return "lock file only";
    case StoreState::kUnknown:
      return "-";
  }
  return "-";
}

absl::StatusOr<table::Geometry> ReadHeader(const os::Mapping& mapping, uint64_t bytes) {
  if (mapping.size() == 0) return absl::UnavailableError("half made: it is empty");
  // Reads the fixed part alone.
  return table::ReadGeometry(mapping.data(),
                             mapping.size() < table::kHeaderBytes ? mapping.size() : bytes);
}

StoreRow LookAtRow(const os::StoreFiles& files, absl::optional<bool> has_daemon) {
  StoreRow row = RowOf(files);
  row.has_daemon = has_daemon;
  if (!has_daemon.has_value()) AskForDaemon(&row);
  if (files.mappings.empty()) {
    row.state = StoreState::kNoMapping;
    return row;
  }
  // Each generation is looked into once: numbers rise.
  for (auto file = files.mappings.begin(); file != files.mappings.end();) {
    if (!file->plain) {
      row.state = StoreState::kForeign;
      row.why = "it is not a plain file of its own";
      return row;
    }
    const absl::StatusOr<os::Mapping> mapping =
        os::Mapping::Open(attach::GenerationName(files.store, file->generation),
                          os::Access::kReadOnly, table::kHeaderBytes);
    if (!mapping.ok()) {
      row.state = absl::IsFailedPrecondition(mapping.status()) ? StoreState::kForeign
                                                               : StoreState::kUnknown;
      row.why = std::string(mapping.status().message());
      return row;
    }
    if (row.owner.empty()) {
      row.owner = mapping->owner();
      row.own = mapping->OwnedByCaller();
      row.mode = mapping->mode();
    }
    const uint64_t next = LookInto(*file, *mapping, &row);
    if (next == 0) break;
    row.why = absl::StrCat("it says that generation ", next, " supersedes it, and there is none");
    file = std::find_if(file, files.mappings.end(),
                        [next](const os::StoreFile& later) { return later.generation == next; });
    if (file != files.mappings.end()) row.why.clear();
  }
  return row;
}

absl::StatusOr<os::StoreFiles> FilesOf(absl::string_view store) {
  RETURN_IF_ERROR(base::ValidateStoreName(store));
  ASSIGN_OR_RETURN(std::vector<os::StoreFiles> stores, os::ListStoreNames());
  for (os::StoreFiles& files : stores) {
    if (files.store == store) return std::move(files);
  }
  return absl::NotFoundError(
      absl::StrCat("no store '", store, "': start one with cubbyd --store ", store));
}

absl::StatusOr<StoreRow> LookAtRow(absl::string_view store) {
  ASSIGN_OR_RETURN(const os::StoreFiles files, FilesOf(store));
  return LookAtRow(files);
}

uint64_t DefaultStoreBytes() {
  const absl::StatusOr<table::Geometry> geometry = table::PlanGeometry(table::GeometryOptions());
  return geometry.ok() ? geometry->total_bytes : 0;
}

absl::StatusOr<std::vector<StoreRow>> ListStores() {
  ASSIGN_OR_RETURN(const std::vector<os::StoreFiles> stores, os::ListStoreNames());
  std::vector<StoreRow> rows;
  rows.reserve(stores.size());
  for (const os::StoreFiles& files : stores) rows.push_back(LookAtRow(files));
  return rows;
}

}  // namespace cubby
