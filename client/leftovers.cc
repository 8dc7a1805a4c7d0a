#include "client/leftovers.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "attach/attachment.h"
#include "attach/leftover.h"
#include "attach/mapped_table.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "client/stores.h"
#include "lock/lock_words.h"
#include "lock/seats.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "os/store_names.h"
#include "table/geometry.h"
#include "table/layout.h"
#include "table/table.h"

namespace cubby {
namespace {

using lock::Seats;

// No living writer holds the lock of a store that is removed.
constexpr absl::Duration kLockTimeout = absl::Seconds(1);
// Of a lock file that is made to keep daemons away, and removed again.
constexpr uint32_t kOwnersMode = 0600;

// How many writers have a seat, in the store's open file of seats.
uint32_t CountWriters(const Seats& seats) {
  uint32_t writers = 0;
  for (uint32_t seat = 0; seat < lock::kMaxWriters; ++seat) writers += seats.IsHeld(seat) ? 1 : 0;
  return writers;
}

bool IsOwnFile(const os::StoreFile& file) { return file.own && file.plain; }

Leftover StoreLeftover(const StoreRow& row, const std::string& why, bool kept) {
  Leftover leftover;
  leftover.store = row.name;
  leftover.what = absl::StrCat("store '", row.name, "'");
  leftover.why = why;
  if (row.entries.has_value()) {
    absl::StrAppend(&leftover.why, "; ", *row.entries,
                    base::OneOrMany(*row.entries, " entry", " entries"));
  }
  if (row.bytes.has_value()) absl::StrAppend(&leftover.why, "; ", *row.bytes, " bytes");
  leftover.kept = kept;
  return leftover;
}

// What the header of the store's first generation says of its seats.
bool HasItsLockFile(const StoreRow& row, const Seats* seats) {
  const absl::StatusOr<os::Mapping> mapping =
      os::Mapping::Open(row.name, os::Access::kReadOnly, table::kHeaderBytes);
  if (seats == nullptr || !mapping.ok()) return false;
  const os::FaultGuard guard(mapping->data(), mapping->size());
  const absl::StatusOr<table::Geometry> geometry = ReadHeader(*mapping, row.bytes.value_or(0));
  return geometry.ok() && seats->BelongTo(geometry->instance);
}

// For a store without a header, as the daemon's start judges it.
absl::Status CheckHalfMade(const StoreRow& row, const Seats* seats) {
  const uint64_t all = std::numeric_limits<uint64_t>::max();
  ASSIGN_OR_RETURN(const os::Mapping mapping,
                   os::Mapping::Open(row.name, os::Access::kReadOnly,
                                     seats == nullptr ? all : table::kHeaderBytes));
  return attach::CheckHalfMade(mapping, seats);
}

// For a store without a user, by what can be read of it. nullopt: it is no store. `seats` are null
// if there are none.
absl::optional<Leftover> JudgeUnused(const StoreRow& row, const Seats* seats) {
  switch (row.state) {
    case StoreState::kLeft:
      if (!HasItsLockFile(row, seats)) {
        return StoreLeftover(row,
                             "it has lost its lock file, so that writers of before cannot be seen",
                             /*kept=*/true);
      }
      return StoreLeftover(row, "its cubbyd was killed", /*kept=*/false);
    case StoreState::kRetired:
      return StoreLeftover(row, "it was shut down and not taken away", /*kept=*/false);
    case StoreState::kHalfMade: {
      const absl::Status half_made = CheckHalfMade(row, seats);
      if (absl::IsDataLoss(half_made)) return StoreLeftover(row, "damaged", /*kept=*/true);
      if (!half_made.ok()) return absl::nullopt;
      return StoreLeftover(row, "its cubbyd was killed while it made it", /*kept=*/false);
    }
    case StoreState::kKept:
      return StoreLeftover(row, "it was left for the next cubbyd", /*kept=*/true);
    case StoreState::kUnserved:
      return StoreLeftover(row, "it has no cubbyd, and whether it is to stay is not known",
                           /*kept=*/true);
    case StoreState::kDamaged:
    case StoreState::kOtherLayout:
      return StoreLeftover(row,
                           row.why.empty() ? "damaged" : row.why.substr(0, row.why.rfind(": ")),
                           /*kept=*/true);
    case StoreState::kNoMapping: {
      if (!seats->CheckBytes().ok()) return absl::nullopt;
      Leftover leftover;
      leftover.store = row.name;
      leftover.what = absl::StrCat("lock file of store '", row.name, "'");
      leftover.why = "its store is gone";
      return leftover;
    }
    case StoreState::kServed:
    case StoreState::kForeign:
    case StoreState::kUnknown:
      break;
  }
  return absl::nullopt;
}

// nullopt if the store is in use, or not the caller's. `seats` are the store's, null if there are
// none; `daemon` says whether it has a daemon, if that is known.
absl::optional<Leftover> Judge(const os::StoreFiles& files, const Seats* seats,
                               absl::optional<bool> daemon) {
  if (!absl::c_all_of(files.mappings, IsOwnFile)) return absl::nullopt;
  if (files.lock_file.has_value() &&
      (seats == nullptr || !IsOwnFile(*files.lock_file) || CountWriters(*seats) != 0)) {
    return absl::nullopt;
  }
  const StoreRow row = LookAtRow(files, daemon);
  if (row.has_daemon.value_or(true)) return absl::nullopt;
  absl::optional<Leftover> leftover = JudgeUnused(row, seats);
  // Last: it takes the longest.
  if (leftover.has_value() && !os::ProcessesThatMap(files.mappings).empty()) return absl::nullopt;
  return leftover;
}

// The store's seats, with the cleaner's and the daemon's claimed: from here on no daemon starts,
// and one that tries waits. Sets *made if there were none: a lock file keeps daemons away.
absl::StatusOr<std::unique_ptr<Seats>> ClaimStore(const std::string& store, bool* made) {
  *made = false;
  const absl::Status in_use = absl::FailedPreconditionError("a process uses it by now");
  absl::StatusOr<std::unique_ptr<Seats>> opened = Seats::Open(store);
  if (absl::IsNotFound(opened.status())) return Seats::OpenForDaemon(store, kOwnersMode, made);
  RETURN_IF_ERROR(opened.status());
  std::unique_ptr<Seats> seats = *std::move(opened);
  for (const uint32_t seat : {lock::kCleanerSeat, lock::kDaemonSeat}) {
    ASSIGN_OR_RETURN(const bool claimed, seats->Claim(seat));
    if (!claimed) return in_use;
  }
  if (seats->IsHeld(lock::kHandOverSeat) || !seats->CheckName().ok()) return in_use;
  return seats;
}

// Retires one generation; its name stays.
absl::Status Retire(const std::string& store, const Seats& seats, const os::Mapping& mapping,
                    const os::StoreFile& file) {
  const os::FaultGuard guard(mapping.data(), mapping.size());
  const absl::StatusOr<table::Geometry> geometry = ReadHeader(mapping, file.bytes.value_or(0));
  if (!geometry.ok()) {
    attach::RetireUnreadable(mapping);
    return absl::OkStatus();
  }
  const auto check = [&seats]() -> absl::Status {
    // The lock with which this is called has one.
    if (CountWriters(seats) <= 1) return absl::OkStatus();
    return absl::FailedPreconditionError("a writer uses it by now");
  };
  return attach::RetireLeftover(store, table::WritableTable(mapping.data(), *geometry), seats,
                                kLockTimeout, check);
}

// REQUIRES: `seats` are claimed.
absl::Status RemoveClaimed(const Leftover& leftover, Seats* seats, bool seats_made) {
  ASSIGN_OR_RETURN(os::StoreFiles files, FilesOf(leftover.store));
  if (seats_made) files.lock_file.reset();
  const absl::optional<Leftover> judged =
      Judge(files, seats_made ? nullptr : seats, /*daemon=*/false);
  if (!judged.has_value() || judged->kept != leftover.kept || judged->what != leftover.what) {
    return absl::FailedPreconditionError("it is in use, or another one, by now");
  }
  std::vector<os::Mapping> mappings;
  for (const os::StoreFile& file : files.mappings) {
    ASSIGN_OR_RETURN(os::Mapping mapping,
                     os::Mapping::Open(attach::GenerationName(leftover.store, file.generation),
                                       os::Access::kReadWrite, table::kHeaderBytes));
    RETURN_IF_ERROR(Retire(leftover.store, *seats, mapping, file));
    mappings.push_back(std::move(mapping));
  }
  for (const os::Mapping& mapping : mappings) RETURN_IF_ERROR(mapping.Remove());
  return absl::OkStatus();
}

absl::Status RemoveStore(const Leftover& leftover) {
  bool made;
  ASSIGN_OR_RETURN(const std::unique_ptr<Seats> seats, ClaimStore(leftover.store, &made));
  absl::Status removed = RemoveClaimed(leftover, seats.get(), made);
  if (removed.ok() || made) removed.Update(seats->Remove());
  return removed;
}

}  // namespace

absl::StatusOr<std::vector<Leftover>> FindLeftovers(const std::string& store) {
  std::vector<Leftover> leftovers;
  ASSIGN_OR_RETURN(const std::vector<os::StoreFiles> stores, os::ListStoreNames());
  for (const os::StoreFiles& files : stores) {
    if (!store.empty() && files.store != store) continue;
    std::unique_ptr<Seats> seats;
    if (files.lock_file.has_value() && IsOwnFile(*files.lock_file)) {
      absl::StatusOr<std::unique_ptr<Seats>> opened = Seats::Open(files.store);
      if (opened.ok()) seats = *std::move(opened);
    }
    absl::optional<Leftover> leftover = Judge(files, seats.get(), /*daemon=*/absl::nullopt);
    if (leftover.has_value()) leftovers.push_back(*std::move(leftover));
  }
  ASSIGN_OR_RETURN(const std::vector<os::ChannelLeftover> channels, os::FindChannelLeftovers());
  for (const os::ChannelLeftover& channel : channels) {
    if (!store.empty() && channel.store != store) continue;
    Leftover leftover;
    leftover.store = channel.store;
    leftover.what = absl::StrCat("FIFO ", channel.path);
    leftover.why = channel.why;
    leftover.channel = channel;
    leftovers.push_back(std::move(leftover));
  }
  std::stable_sort(leftovers.begin(), leftovers.end(),
                   [](const Leftover& a, const Leftover& b) { return a.store < b.store; });
  return leftovers;
}

absl::Status RemoveLeftover(const Leftover& leftover) {
  absl::Status removed = leftover.channel.has_value() ? os::RemoveChannelLeftover(*leftover.channel)
                                                      : RemoveStore(leftover);
  if (absl::IsNotFound(removed)) return absl::OkStatus();
  if (removed.ok()) return removed;
  return absl::Status(removed.code(), absl::StrCat(leftover.what, " stays: ", removed.message()));
}

}  // namespace cubby
