#include "server/owned_store.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "attach/leftover.h"
#include "attach/store_clock.h"
#include "attach/watchers.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "lock/seats.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/user.h"
#include "server/log.h"
#include "server/shape.h"
#include "server/size_text.h"
#include "server/successor.h"
#include "table/bytes.h"
#include "table/layout.h"
#include "table/stats.h"
#include "table/sweep.h"

namespace cubby::server {
namespace {

using attach::MappedTable;

// The daemon outlives the truncation of its store, to tell of it.
constexpr attach::Guard kGuard = attach::Guard::kTruncated;

// Empties a retired store that other processes keep open, and returns it to service.
absl::Status EmptyLeftover(const std::string& store, const table::WritableTable& table) {
  ASSIGN_OR_RETURN(std::unique_ptr<lock::WriterLock> lock, attach::OpenPassingLock(store, table));
  // In one go: no other process uses a retired store.
  RETURN_IF_ERROR(lock->Acquire(kLockTimeout));
  lock::WriterLockHolder holder(lock.get());
  table::Sweep sweep(table, /*everything=*/true);
  while (!sweep.done()) RETURN_IF_ERROR(sweep.Step(os::BootNanos()));
  SetState(table, table::State::kServing);
  return absl::OkStatus();
}

absl::Status CheckOwner(const std::string& store, const os::Mapping& mapping) {
  if (mapping.OwnedByCaller()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("its mapping belongs to user ", mapping.owner(),
                   ", not to you: have it removed, or choose another name than ", store));
}

absl::Status NoHugePages(absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("--huge-pages on: ", why, ": use --huge-pages auto"));
}

// Moves the memory to huge pages if the option says that it must be there. Returns how many bytes
// are in huge pages then. (HugePagesJob moves what may be there, once the store is served.)
absl::StatusOr<uint64_t> RequireHugePages(const os::Mapping& mapping, HugePages when,
                                          os::Stopped stopped) {
  if (when != HugePages::kOn) return 0;
  const absl::StatusOr<uint64_t> huge = mapping.UseHugePages(stopped);
  if (absl::IsCancelled(huge.status())) return huge;
  const uint64_t all = os::HugePageBytesOf(mapping.size());
  if (huge.ok() && *huge == all) return *huge;
  return NoHugePages(
      huge.ok() ? absl::StrCat("only ", *huge, " of ", all, " bytes could lie in such pages")
                : huge.status().message());
}

// What becomes of a store that the daemon finds.
enum class Fate { kMake, kKeep, kDiscard };

struct Judgement {
  Fate fate;
  std::string why;  // it is discarded, for the log
};

// For a store with a sound header. `seats` are null if there are none.
absl::StatusOr<Judgement> Judge(const Options& options, const MappedTable& mapped,
                                const lock::Seats* seats) {
  const table::State state = StateOf(mapped.table());
  if (state == table::State::kRetired) {
    return Judgement{Fate::kDiscard, "discarding what is left of a store that was shut down"};
  }
  if (options.fresh) {
    const uint64_t entries = table::ReadStats(mapped.table()).entries;
    return Judgement{Fate::kDiscard, absl::StrCat("discarding its ", entries,
                                                  base::OneOrMany(entries, " entry", " entries"),
                                                  ", as --fresh says")};
  }
  if (state != table::State::kServing) {
    return absl::DataLossError(
        absl::StrCat("it is in state ", static_cast<int>(state),
                     ", which no daemon leaves: discard its entries with --fresh"));
  }
  const table::Geometry& geometry = mapped.table().geometry();
  RETURN_IF_ERROR(CheckShape(options, mapped.mapping(), geometry));
  RETURN_IF_ERROR(attach::CheckClock(options.store, mapped.mapping(), geometry));
  // Writers of before may still rely on the seats that they had: two could own the lock at once.
  if (seats == nullptr || !seats->BelongTo(geometry.instance)) {
    return absl::DataLossError(
        "its entries are there but its lock file was taken away or overwritten: save them with "
        "cubby scan, then discard them with --fresh");
  }
  return Judgement{Fate::kKeep, ""};
}

// For one whose header is `unreadable`.
absl::StatusOr<Judgement> Judge(const Options& options, const os::Mapping& mapping,
                                const lock::Seats* seats, absl::Status unreadable) {
  if (mapping.size() == 0 || absl::IsUnavailable(unreadable)) {
    unreadable = attach::CheckHalfMade(mapping, seats);
  }
  if (unreadable.ok()) {
    return Judgement{Fate::kDiscard,
                     "discarding what a daemon left that was killed while it made the store"};
  }
  if (!options.fresh || absl::IsFailedPrecondition(unreadable)) return unreadable;
  return Judgement{Fate::kDiscard, absl::StrCat("discarding a store, as --fresh says; ",
                                                WithoutRemedy(unreadable))};
}

// What has a store's name.
struct Finding {
  Judgement judgement{Fate::kMake, ""};
  absl::optional<MappedTable> mapped;
  absl::optional<os::Mapping> unreadable;  // if it is not `mapped`
};

// Changes nothing. Errors: why a start is refused.
absl::StatusOr<Finding> Find(const Options& options, const lock::Seats* seats) {
  Finding finding;
  absl::StatusOr<os::Mapping> found = os::Mapping::Open(options.store, os::Access::kReadWrite);
  const uint64_t found_bytes = found.ok() ? found->size() : 0;
  if (!absl::IsNotFound(found.status())) {
    RETURN_IF_ERROR(found.status());
    RETURN_IF_ERROR(CheckOwner(options.store, *found));
    absl::StatusOr<MappedTable> mapped = MappedTable::Adopt(&*found, kGuard);
    if (mapped.ok()) {
      ASSIGN_OR_RETURN(finding.judgement, Judge(options, *mapped, seats));
      finding.mapped.emplace(*std::move(mapped));
    } else {
      ASSIGN_OR_RETURN(finding.judgement, Judge(options, *found, seats, mapped.status()));
      finding.unreadable = *std::move(found);
    }
  }
  // What cannot be made must not cost the entries of what there is.
  if (finding.judgement.fate != Fate::kKeep) {
    ASSIGN_OR_RETURN(const table::Geometry wanted, table::PlanGeometry(ShapeAskedFor(options)));
    RETURN_IF_ERROR(os::Mapping::CheckRoom(wanted.total_bytes, /*freed=*/found_bytes));
    if (options.huge_pages == HugePages::kOn) {
      const absl::Status possible = os::Mapping::CheckHugePages(wanted.total_bytes);
      if (!possible.ok()) return NoHugePages(possible.message());
    }
  }
  return finding;
}

}  // namespace

absl::string_view WithoutRemedy(const absl::Status& error) {
  const absl::string_view message = error.message();
  return message.substr(0, message.rfind(": "));
}

OwnedStore::OwnedStore(const std::string& name, Memory memory, bool taken_over, lock::Seats* seats,
                       std::unique_ptr<lock::WriterLock> lock)
    : attachment_(name, std::move(memory.mapped), std::move(lock)),
      huge_page_bytes_(memory.huge_page_bytes),
      made_(memory.made),
      taken_over_(taken_over),
      seats_(*seats) {}

absl::StatusOr<std::unique_ptr<OwnedStore>> OwnedStore::Open(const Options& options, Seated seated,
                                                             os::Stopped stopped) {
  RETURN_IF_ERROR(os::CheckCaller());
  // A start that is refused leaves no trace. A lock file that it made could be taken for that of
  // writers who have seats in another one, whose name was lost.
  if (!lock::Seats::Exist(options.store)) {
    const absl::Status refused = Find(options, nullptr).status();
    if (!refused.ok()) return attach::About(options.store, refused);
  }
  bool seats_made;
  absl::StatusOr<std::unique_ptr<lock::Seats>> opened =
      lock::Seats::OpenForDaemon(options.store, ModeAskedFor(options), &seats_made, options.group);
  if (options.replace && absl::IsAlreadyExists(opened.status())) {
    return TakeOver(options, seated, stopped);
  }
  RETURN_IF_ERROR(opened.status());
  std::unique_ptr<lock::Seats> seats = *std::move(opened);
  // From here on no other daemon touches the store's names.
  const absl::Status ready = seated(*seats);
  if (!ready.ok()) {
    if (seats_made) seats->Remove().IgnoreError();
    return ready;
  }
  absl::StatusOr<Memory> memory = FindOrMake(options, seats.get(), stopped);
  if (memory.ok() && memory->made && !seats_made) {
    // The seats are an earlier store's, with its mode and group.
    absl::Status set =
        seats->LetInWritersOf(ModeAskedFor(options), memory->mapped.mapping().group());
    if (!set.ok()) memory = set;
  }
  if (!memory.ok()) {
    if (seats_made || absl::IsCancelled(memory.status())) seats->Remove().IgnoreError();
    return attach::About(options.store, memory.status());
  }
  lock::Seats* const in_lock = seats.get();
  ASSIGN_OR_RETURN_AS(std::unique_ptr<lock::WriterLock> lock,
                      attach::OpenLock(options.store, std::move(seats), memory->mapped.table()),
                      attach::About(options.store, status));
  return std::unique_ptr<OwnedStore>(new OwnedStore(
      options.store, *std::move(memory), /*taken_over=*/false, in_lock, std::move(lock)));
}

absl::StatusOr<std::unique_ptr<OwnedStore>> OwnedStore::TakeOver(const Options& options,
                                                                 Seated seated,
                                                                 os::Stopped stopped) {
  const std::string& name = options.store;
  ASSIGN_OR_RETURN_AS(std::unique_ptr<lock::Seats> seats, lock::Seats::Open(name),
                      attach::About(name, status));
  // All that can be refused is refused before the daemon is asked.
  ASSIGN_OR_RETURN_AS(Finding finding, Find(options, seats.get()), attach::About(name, status));
  if (finding.judgement.fate != Fate::kKeep) {
    return attach::About(name,
                         absl::UnavailableError("its daemon is starting or ending: try again"));
  }
  const MappedTable& mapped = *finding.mapped;
  ASSIGN_OR_RETURN_AS(const uint64_t huge,
                      RequireHugePages(mapped.mapping(), options.huge_pages, stopped),
                      attach::About(name, status));
  const table::StateLine& line = mapped.table().fixed().state;
  const uint64_t pid = line.daemon_pid.load(std::memory_order_relaxed);
  if (stopped()) return absl::CancelledError("stopped before it was taken over");
  RETURN_IF_ERROR(attach::About(name, AskForDaemonSeat(name, mapped.table().geometry(), seats.get(),
                                                       options.replace_timeout)));
  // It may have ended by another request instead.
  absl::Status still_there = mapped.mapping().CheckName();
  still_there.Update(seats->CheckName());
  if (!still_there.ok() || StateOf(mapped.table()) != table::State::kServing) {
    return attach::About(
        name,
        absl::UnavailableError("its daemon took it away before it was handed over: start again"));
  }
  lock::Seats* const in_lock = seats.get();
  ASSIGN_OR_RETURN_AS(std::unique_ptr<lock::WriterLock> lock,
                      attach::OpenLock(name, std::move(seats), mapped.table()),
                      attach::About(name, status));
  RETURN_IF_ERROR(seated(*in_lock));
  Log(name, absl::StrCat("takes it over from process ", pid));
  return std::unique_ptr<OwnedStore>(
      new OwnedStore(name, Memory{*std::move(finding.mapped), huge, /*made=*/false},
                     /*taken_over=*/true, in_lock, std::move(lock)));
}

absl::Status OwnedStore::LetSuccessorIn() {
  last_beat_ns_ = table().fixed().state.heartbeat_ns.load(std::memory_order_relaxed);
  // First, so that no other start gets the daemon's seat.
  ASSIGN_OR_RETURN(const bool claimed, seats_.Claim(lock::kHandOverSeat));
  if (!claimed) return absl::UnavailableError("another process has the seat of a hand-over");
  absl::Status released = seats_.Release(lock::kDaemonSeat);
  if (!released.ok()) seats_.Release(lock::kHandOverSeat).IgnoreError();
  return released;
}

bool OwnedStore::SuccessorServes() const {
  const table::StateLine& line = table().fixed().state;
  // The clock of some systems stands still for milliseconds, and process ids are only unique in a
  // container.
  const bool beaten = line.heartbeat_ns.load(std::memory_order_relaxed) != last_beat_ns_ ||
                      line.daemon_pid.load(std::memory_order_relaxed) != os::ProcessId();
  return beaten && SuccessorIsSeated();
}

absl::StatusOr<bool> OwnedStore::TakeBack() {
  ASSIGN_OR_RETURN(const bool claimed, seats_.Claim(lock::kDaemonSeat));
  if (!claimed) return false;
  RETURN_IF_ERROR(seats_.Release(lock::kHandOverSeat));
  return true;
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::FindOrMake(const Options& options,
                                                          lock::Seats* seats, os::Stopped stopped) {
  ASSIGN_OR_RETURN(Finding finding, Find(options, seats));
  if (finding.judgement.fate == Fate::kMake) {
    RETURN_IF_ERROR(seats->CheckBytes());
    if (!seats->BelongToNone()) {
      Log(LogLevel::kWarning, options.store,
          "the lock file of an earlier store is here, but its mapping was removed or moved; making "
          "a new store");
    }
    return Make(options, seats, stopped);
  }
  if (finding.judgement.fate == Fate::kKeep) {
    absl::StatusOr<uint64_t> huge =
        RequireHugePages(finding.mapped->mapping(), options.huge_pages, stopped);
    // It stays or goes as any store whose daemon is asked to end.
    if (absl::IsCancelled(huge.status())) huge = 0;
    RETURN_IF_ERROR(huge.status());
    return Memory{*std::move(finding.mapped), *huge, /*made=*/false};
  }
  Log(options.store, finding.judgement.why);
  if (finding.mapped.has_value()) {
    RETURN_IF_ERROR(
        attach::RetireLeftover(options.store, finding.mapped->table(), *seats, kLockTimeout));
    RETURN_IF_ERROR(finding.mapped->mapping().Remove());
  } else {
    // Processes may have it open since before its header was damaged, or be of its layout version.
    attach::RetireUnreadable(*finding.unreadable);
    RETURN_IF_ERROR(finding.unreadable->Remove());
  }
  // Closed, so that the new store finds the memory of the old one free.
  finding.mapped.reset();
  finding.unreadable.reset();
  return Make(options, seats, stopped);
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::Make(const Options& options, lock::Seats* seats,
                                                    os::Stopped stopped) {
  ASSIGN_OR_RETURN(const table::Geometry geometry, table::PlanGeometry(ShapeAskedFor(options)));
  RETURN_IF_ERROR(os::Mapping::CheckRoom(geometry.total_bytes, /*freed=*/0));
  const std::string warning = os::Mapping::RoomWarning(geometry.total_bytes);
  if (!warning.empty()) Log(LogLevel::kWarning, options.store, warning);
  // The seats of a store that was discarded are no store's until the new one is whole.
  if (!seats->BelongToNone()) RETURN_IF_ERROR(seats->GiveTo({}));
  // The kernel may take its time, or end the process.
  Log(options.store, absl::StrCat("making it, capacity ", geometry.capacity, ", ",
                                  geometry.total_bytes, " bytes"));
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(
      options.store, geometry.total_bytes, ModeAskedFor(options), options.group,
      options.huge_pages == HugePages::kOff ? os::Pages::kSmall : os::Pages::kHuge, stopped);
  if (absl::IsAlreadyExists(mapping.status())) return MakeOfLeftover(options, geometry, stopped);
  RETURN_IF_ERROR(mapping.status());
  const absl::StatusOr<uint64_t> huge = RequireHugePages(*mapping, options.huge_pages, stopped);
  if (!huge.ok()) {
    mapping->Remove().IgnoreError();
    return huge.status();
  }
  // Before the store can be opened: writers would take it for a store without a daemon
  // (attach/name_watch.h). And before its seats are given: see CheckHalfMade(). That changes the
  // lock file's time once more, and the first heartbeat, which follows at once, notes it again.
  attach::NoteTime(*seats, &reinterpret_cast<table::FixedPart*>(mapping->data())->state);
  // Also before, so that no writer finds its seats without its instance.
  const absl::Status given = seats->GiveTo(geometry.instance);
  if (!given.ok()) {
    mapping->Remove().IgnoreError();
    return given;
  }
  return Memory{MappedTable::Format(*std::move(mapping), kGuard, geometry), *huge, /*made=*/true};
}

absl::StatusOr<OwnedStore::Memory> OwnedStore::MakeOfLeftover(const Options& options,
                                                              const table::Geometry& wanted,
                                                              os::Stopped stopped) {
  ASSIGN_OR_RETURN(os::Mapping mapping, os::Mapping::Open(options.store, os::Access::kReadWrite));
  RETURN_IF_ERROR(CheckOwner(options.store, mapping));
  absl::StatusOr<MappedTable> mapped = MappedTable::Adopt(&mapping, kGuard);
  if (!mapped.ok() || !SameShape(mapped->table().geometry(), wanted) ||
      !HasModeAskedFor(mapped->mapping(), options) ||
      StateOf(mapped->table()) != table::State::kRetired) {
    return absl::FailedPreconditionError(
        "other processes still have the old store open, and the new one has another shape or "
        "mode: end them, or choose another name");
  }
  ASSIGN_OR_RETURN(const uint64_t huge,
                   RequireHugePages(mapped->mapping(), options.huge_pages, stopped));
  Log(options.store, "emptying the old store, which other processes still have open");
  RETURN_IF_ERROR(EmptyLeftover(options.store, mapped->table()));
  return Memory{*std::move(mapped), huge, /*made=*/true};
}

absl::Status OwnedStore::CheckNames() const {
  // They may well be there, for processes of other mount namespaces, or later.
  if (mapping().Hidden()) return absl::OkStatus();
  RETURN_IF_ERROR(attachment_.current().mapped().mapping().CheckName());
  return seats_.CheckName();
}

void OwnedStore::NoteTime() { attach::NoteTime(seats_, &table().mutable_fixed().state); }

absl::StatusOr<bool> OwnedStore::RepairLockFile() {
  const lock::Instance& instance = table().geometry().instance;
  if (seats_.BelongTo(instance)) return false;
  // It is the store's: only the holder of the daemon's seat gives a lock file to a store.
  RETURN_IF_ERROR(seats_.GiveTo(instance));
  return true;
}

absl::Status OwnedStore::CheckFixedPart() const {
  RETURN_IF_ERROR(table::ReadGeometry(mapping().data(), mapping().size()).status());
  const table::State state = StateOf(table());
  if (state == table::State::kServing || state == table::State::kSealed) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("it is in state ", static_cast<int>(state),
                                          ", which is not that of a store that is served"));
}

void OwnedStore::NoteAtEnd(table::AtEnd at_end) {
  // Relaxed: it publishes nothing.
  table().mutable_fixed().state.at_end.store(static_cast<uint64_t>(at_end),
                                             std::memory_order_relaxed);
}

void OwnedStore::MarkRetired() { SetState(table(), table::State::kRetired); }

void OwnedStore::Poison() { SetState(table(), table::State::kPoisoned); }

void OwnedStore::Retire() {
  const absl::Status acquired = lock().Acquire(kLockTimeout);
  if (!acquired.ok()) {
    Log(name(), absl::StrCat("retiring it without its lock: ", acquired.message()));
  }
  {
    const attach::WatchersCall call(table());  // they learn of it as of a change
    SetState(table(), table::State::kRetired);
    if (acquired.ok()) lock().Release();
  }
  for (const absl::Status& removed :
       {attachment_.current().mapped().mapping().Remove(), seats_.Remove()}) {
    if (!removed.ok()) Log(name(), removed.message());
  }
}

}  // namespace cubby::server
