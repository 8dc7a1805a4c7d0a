#include "server/owned_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "lock/seats.h"
#include "os/clock.h"
#include "server/log.h"
#include "table/bytes.h"
#include "table/layout.h"
#include "table/stats.h"
#include "table/sweep.h"

namespace cubby::server {
namespace {

absl::Status About(const std::string& store, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("store '", store, "': ", status.message()));
}

// Release: whoever sees the state sees all that was done to the table before.
void SetState(const table::WritableTable& table, table::State state) {
  table.mutable_fixed().state.state.store(static_cast<uint64_t>(state), std::memory_order_release);
}

absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenLock(const std::string& store,
                                                           std::unique_ptr<lock::Seats> seats,
                                                           const table::WritableTable& table) {
  table::FixedPart& fixed = table.mutable_fixed();
  return lock::WriterLock::Open(store, std::move(seats), &fixed.lock.lock, &fixed.incarnations);
}

// The lock on a store that is not to be served as it is: with a seat of its own, to be given back
// afterwards.
absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenPassingLock(
    const std::string& store, const table::WritableTable& table) {
  absl::StatusOr<std::unique_ptr<lock::Seats>> seats = lock::Seats::Open(store);
  if (!seats.ok()) return seats.status();
  return OpenLock(store, *std::move(seats), table);
}

// Retires, under its lock, a sound store whose entries are not wanted.
absl::Status RetireLeftover(const std::string& store, os::Mapping* mapping,
                            const table::Geometry& geometry) {
  const table::WritableTable table(mapping->data(), geometry);
  Log(store, absl::StrCat("discarding its ", table::ReadStats(table).entries,
                          " entries, as --fresh says"));
  absl::StatusOr<std::unique_ptr<lock::WriterLock>> lock = OpenPassingLock(store, table);
  if (!lock.ok()) return lock.status();
  absl::Status acquired = (*lock)->Acquire(kLockTimeout);
  if (!acquired.ok()) return acquired;
  lock::WriterLockHolder holder(lock->get());
  SetState(table, table::State::kRetired);
  return absl::OkStatus();
}

// Empties a retired store that other processes keep open, and opens it for service again.
absl::Status EmptyLeftover(const std::string& store, os::Mapping* mapping,
                           const table::Geometry& geometry) {
  const table::WritableTable table(mapping->data(), geometry);
  absl::StatusOr<std::unique_ptr<lock::WriterLock>> lock = OpenPassingLock(store, table);
  if (!lock.ok()) return lock.status();
  // In one go: nobody else uses a retired store.
  absl::Status acquired = (*lock)->Acquire(kLockTimeout);
  if (!acquired.ok()) return acquired;
  lock::WriterLockHolder holder(lock->get());
  table::Sweep sweep(table, /*everything=*/true);
  while (!sweep.done()) {
    absl::Status swept = sweep.Step(os::BootNanos());
    if (!swept.ok()) return swept;
  }
  SetState(table, table::State::kServing);
  return absl::OkStatus();
}

std::unique_ptr<os::FaultGuard> GuardOver(const os::Mapping& mapping) {
  return std::make_unique<os::FaultGuard>(mapping.data(), mapping.size());
}

absl::Status CheckOwner(const std::string& store, const os::Mapping& mapping) {
  if (mapping.OwnedByCaller()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("its mapping belongs to user ", mapping.owner(),
                   ", not to you: have it removed, or choose another name than ", store));
}

uint32_t ModeAskedFor(const Options& options) { return options.mode.value_or(kDefaultMode); }

bool HasModeAskedFor(const os::Mapping& mapping, const Options& options) {
  return mapping.mode() == os::Mapping::ModeThatHolds(ModeAskedFor(options));
}

// Puts the memory into huge pages as the option says. Returns how many bytes lie in such.
absl::StatusOr<uint64_t> UseHugePages(const os::Mapping& mapping, HugePages when) {
  if (when == HugePages::kOff) return 0;
  const absl::StatusOr<uint64_t> huge = mapping.UseHugePages();
  if (when == HugePages::kAuto) return huge.value_or(0);
  const uint64_t all = os::HugePageBytesOf(mapping.size());
  if (huge.ok() && *huge == all) return *huge;
  return absl::FailedPreconditionError(absl::StrCat(
      "--huge-pages on: ",
      huge.ok() ? absl::StrCat("only ", *huge, " of ", all, " bytes could lie in such pages")
                : std::string(huge.status().message()),
      ": use --huge-pages auto"));
}

std::string Octal(uint32_t mode) { return absl::StrFormat("%04o", mode); }

absl::Status Conflict(absl::string_view option, const absl::AlphaNum& has,
                      const absl::AlphaNum& asked) {
  return absl::InvalidArgumentError(
      absl::StrCat("it exists with ", option, " ", has, ", not ", asked, ": leave ", option,
                   " out to keep its entries, or add --fresh to discard them"));
}

// InvalidArgument if an option that was given is not what the existing store has.
absl::Status CheckShape(const Options& options, const os::Mapping& mapping,
                        const table::Geometry& geometry) {
  if (options.capacity.value_or(geometry.capacity) != geometry.capacity) {
    return Conflict("--capacity", geometry.capacity, *options.capacity);
  }
  const uint64_t slot_bytes = options.slot_bytes.value_or(geometry.slot_bytes);
  if (table::RoundUp8(slot_bytes) != geometry.slot_bytes) {
    return Conflict("--slot-bytes", geometry.slot_bytes, slot_bytes);
  }
  if (options.max_value_bytes.value_or(geometry.max_value_bytes) != geometry.max_value_bytes) {
    return Conflict("--max-value", geometry.max_value_bytes, *options.max_value_bytes);
  }
  const uint64_t extent_bytes = options.extent_bytes.value_or(geometry.extent_bytes);
  if (table::RoundUp8(extent_bytes) != geometry.extent_bytes) {
    return Conflict("--extent-bytes", geometry.extent_bytes, extent_bytes);
  }
  if (options.extent_pool_bytes.has_value() &&
      *options.extent_pool_bytes / geometry.extent_bytes != geometry.extent_count) {
    return Conflict("--extent-pool", uint64_t{geometry.extent_count} * geometry.extent_bytes,
                    *options.extent_pool_bytes);
  }
  if (options.mode.has_value() && !HasModeAskedFor(mapping, options)) {
    return Conflict("--mode", Octal(mapping.mode()), Octal(*options.mode));
  }
  if (options.group.value_or(mapping.group()) != mapping.group()) {
    return Conflict("--group", mapping.group(), *options.group);
  }
  return absl::OkStatus();
}

bool SameShape(const table::Geometry& a, const table::Geometry& b) {
  return a.capacity == b.capacity && a.max_value_bytes == b.max_value_bytes &&
         a.slot_bytes == b.slot_bytes && a.ways == b.ways && a.bucket_count == b.bucket_count &&
         a.extent_bytes == b.extent_bytes && a.extent_count == b.extent_count;
}

table::GeometryOptions ShapeAskedFor(const Options& options) {
  table::GeometryOptions shape;
  shape.capacity = options.capacity.value_or(shape.capacity);
  shape.slot_bytes = options.slot_bytes.value_or(shape.slot_bytes);
  shape.max_value_bytes = options.max_value_bytes.value_or(shape.max_value_bytes);
  shape.extent_pool_bytes = options.extent_pool_bytes;
  shape.extent_bytes = options.extent_bytes.value_or(shape.extent_bytes);
  return shape;
}

}  // namespace

OwnedStore::OwnedStore(const std::string& name, Memory memory, const lock::Seats* seats,
                       std::unique_ptr<lock::WriterLock> lock)
    : name_(name),
      mapping_(std::move(memory.mapping)),
      guard_(std::move(memory.guard)),
      table_(mapping_.data(), memory.geometry),
      huge_page_bytes_(memory.huge_page_bytes),
      made_(memory.made),
      lock_(std::move(lock)),
      seats_(*seats) {}

absl::StatusOr<std::unique_ptr<OwnedStore>> OwnedStore::Open(const Options& options) {
  bool seats_made;
  absl::StatusOr<std::unique_ptr<lock::Seats>> seats =
      lock::Seats::OpenForDaemon(options.store, ModeAskedFor(options), &seats_made, options.group);
  if (!seats.ok()) return seats.status();
  // From here on no other daemon touches the store's names.
  absl::StatusOr<Memory> memory = FindOrMake(options);
  if (memory.ok() && !memory->made && seats_made) {
    // Writers of old may still believe in the seats they had: two could own the lock at once.
    memory = absl::DataLossError(
        "its entries are there but its lock file was taken away: discard them with --fresh");
  }
  if (memory.ok() && memory->made && !seats_made) {
    // An earlier store's, with that one's mode and group.
    absl::Status set = (*seats)->LetInWritersOf(ModeAskedFor(options), memory->mapping.group());
    if (!set.ok()) memory = set;
  }
  if (!memory.ok()) {
    if (seats_made) (*seats)->Remove().IgnoreError();
    return About(options.store, memory.status());
  }
  const table::WritableTable table(memory->mapping.data(), memory->geometry);
  const lock::Seats* const in_lock = seats->get();
  absl::StatusOr<std::unique_ptr<lock::WriterLock>> lock =
      OpenLock(options.store, *std::move(seats), table);
  if (!lock.ok()) return About(options.store, lock.status());
  return std::unique_ptr<OwnedStore>(
      new OwnedStore(options.store, *std::move(memory), in_lock, *std::move(lock)));
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::FindOrMake(const Options& options) {
  const std::string& store = options.store;
  absl::StatusOr<os::Mapping> found = os::Mapping::Open(store, os::Access::kReadWrite);
  if (absl::IsNotFound(found.status())) return Make(options);
  if (!found.ok()) return found.status();
  absl::Status owned = CheckOwner(store, *found);
  if (!owned.ok()) return owned;

  std::unique_ptr<os::FaultGuard> guard = GuardOver(*found);
  absl::StatusOr<table::Geometry> geometry = table::ReadGeometry(found->data(), found->size());
  const absl::StatusCode code = geometry.status().code();
  if (found->size() == 0 || code == absl::StatusCode::kUnavailable) {
    Log(store, "discarding what a daemon left that died while it made the store");
  } else if (geometry.ok()) {
    const table::State state = StateOf(table::Table(found->data(), *geometry));
    if (state == table::State::kServing && !options.fresh) {
      absl::Status shape = CheckShape(options, *found, *geometry);
      if (!shape.ok()) return shape;
      const absl::StatusOr<uint64_t> huge = UseHugePages(*found, options.huge_pages);
      if (!huge.ok()) return huge.status();
      return Memory{*std::move(found), std::move(guard), *geometry, *huge, /*made=*/false};
    }
    if (state == table::State::kServing) {
      absl::Status retired = RetireLeftover(store, &*found, *geometry);
      if (!retired.ok()) return retired;
    } else if (state == table::State::kRetired) {
      Log(store, "discarding what is left of a store that was shut down");
    } else if (!options.fresh) {
      return absl::DataLossError(
          absl::StrCat("it is in state ", static_cast<int>(state),
                       ", which no daemon leaves: discard its entries with --fresh"));
    } else {
      Log(store, "discarding a damaged store, as --fresh says");
    }
  } else if (!options.fresh || code == absl::StatusCode::kFailedPrecondition) {
    return geometry.status();
  } else {
    Log(store, absl::StrCat("discarding a store, as --fresh says; ", geometry.status().message()));
  }
  absl::Status removed = found->Remove();
  if (!removed.ok()) return removed;
  guard.reset();
  found = os::Mapping();
  return Make(options);
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::Make(const Options& options) {
  absl::StatusOr<table::Geometry> geometry = table::PlanGeometry(ShapeAskedFor(options));
  if (!geometry.ok()) return geometry.status();
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(options.store, geometry->total_bytes,
                                                            ModeAskedFor(options), options.group);
  if (absl::IsAlreadyExists(mapping.status())) return MakeOfLeftover(options, *geometry);
  if (!mapping.ok()) return mapping.status();
  std::unique_ptr<os::FaultGuard> guard = GuardOver(*mapping);
  // Before it can be opened: it takes a while, and others would have to wait.
  const absl::StatusOr<uint64_t> huge = UseHugePages(*mapping, options.huge_pages);
  if (!huge.ok()) {
    mapping->Remove().IgnoreError();
    return huge.status();
  }
  table::Format(mapping->data(), *geometry);
  return Memory{*std::move(mapping), std::move(guard), *geometry, *huge, /*made=*/true};
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::MakeOfLeftover(const Options& options,
                                                              const table::Geometry& wanted) {
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(options.store, os::Access::kReadWrite);
  if (!mapping.ok()) return mapping.status();
  absl::Status owned = CheckOwner(options.store, *mapping);
  if (!owned.ok()) return owned;
  std::unique_ptr<os::FaultGuard> guard = GuardOver(*mapping);
  absl::StatusOr<table::Geometry> geometry = table::ReadGeometry(mapping->data(), mapping->size());
  if (!geometry.ok() || !SameShape(*geometry, wanted) || !HasModeAskedFor(*mapping, options) ||
      StateOf(table::Table(mapping->data(), *geometry)) != table::State::kRetired) {
    return absl::FailedPreconditionError(
        "other processes still have the old store open, and the new one has another shape or "
        "mode: end them, or choose another name");
  }
  const absl::StatusOr<uint64_t> huge = UseHugePages(*mapping, options.huge_pages);
  if (!huge.ok()) return huge.status();
  Log(options.store, "emptying the old store, which other processes still have open");
  absl::Status emptied = EmptyLeftover(options.store, &*mapping, *geometry);
  if (!emptied.ok()) return emptied;
  return Memory{*std::move(mapping), std::move(guard), *geometry, *huge, /*made=*/true};
}

void OwnedStore::Poison() { SetState(table_, table::State::kPoisoned); }

void OwnedStore::Retire() {
  const absl::Status acquired = lock_->Acquire(kLockTimeout);
  if (!acquired.ok()) {
    Log(name_, absl::StrCat("retiring it without its lock: ", acquired.message()));
  }
  SetState(table_, table::State::kRetired);
  if (acquired.ok()) lock_->Release();
  for (const absl::Status& removed : {mapping_.Remove(), seats_.Remove()}) {
    if (!removed.ok()) Log(name_, removed.message());
  }
}

}  // namespace cubby::server
