#include "attach/attachment.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "attach/store_clock.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "os/user.h"
#include "table/geometry.h"

namespace cubby::attach {
namespace {

// How often a writer looks whether a sealed store can be written again: a resize seals it for at
// most 10 ms.
constexpr absl::Duration kSealedPause = absl::Milliseconds(1);

absl::Status NoStore(absl::string_view store) {
  return absl::NotFoundError(
      absl::StrCat("no store '", store, "': start one with cubbyd --store ", store));
}

absl::Status CheckOwner(absl::string_view store, const os::Mapping& mapping,
                        absl::string_view trusted) {
  if (trusted == "any") return absl::OkStatus();
  if (mapping.OwnerIsUnknown()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "store '", store, "' belongs to a user whom this user namespace does not map (uid ",
        mapping.owner(), "): map that user into it, or trust every user by --owner any"));
  }
  if (mapping.owner() == trusted) return absl::OkStatus();
  if (trusted.empty() && (mapping.OwnedByCaller() || mapping.OwnedBySystem())) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("store '", store, "' belongs to user ", mapping.owner(), ", not to ",
                   trusted.empty() ? "you" : trusted, ": if you trust that user, say --owner ",
                   mapping.owner()));
}

absl::Status CheckWritable(const table::Geometry& geometry) {
  if (geometry.unknown_to_write == 0) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("to write it takes features that this program does not have (",
                   table::FeatureNames(geometry.unknown_to_write),
                   "): open it read-only, use the same cubby version as its cubbyd, or restart "
                   "cubbyd with --fresh"));
}

absl::StatusOr<std::unique_ptr<lock::Seats>> OpenSeats(absl::string_view store,
                                                       const MappedTable& mapped) {
  ASSIGN_OR_RETURN_AS(
      std::unique_ptr<lock::Seats> seats, lock::Seats::Open(store),
      absl::IsNotFound(status)
          ? absl::FailedPreconditionError(absl::StrCat(
                "store '", store,
                "' has lost its lock file, so that it cannot be written: save its entries with "
                "cubby scan, then restart its cubbyd with --fresh"))
          : About(store, status));
  if (mapped.mapping().OwnerIsUnknown()) {
    return absl::PermissionDeniedError(absl::StrCat("store '", store,
                                                    "': the user namespace does not tell who owns "
                                                    "its lock file: map the owner into it, or open "
                                                    "the store read-only"));
  }
  const std::string& owner = mapped.mapping().owner();
  if (seats->owner() != owner) {
    return absl::FailedPreconditionError(absl::StrCat(
        "store '", store, "': its mapping belongs to user ", owner, " and its lock file to user ",
        seats->owner(), ": remove the one that is not the store's, and restart its cubbyd"));
  }
  if (!seats->BelongTo(mapped.table().geometry().instance)) {
    // A daemon that discards a store retires it before it gives the seats to the next one.
    if (StateOf(mapped.table()) == table::State::kRetired) return NoStore(store);
    // The daemon repairs the file that it has open; no other process knows whether that is the
    // store's.
    if (seats->BelongToNone() && seats->IsHeld(lock::kDaemonSeat)) {
      return absl::UnavailableError(absl::StrCat(
          "store '", store,
          "' cannot be written just now, because its lock file was emptied: try again: its cubbyd "
          "repairs that within a second"));
    }
    return absl::FailedPreconditionError(
        absl::StrCat("store '", store,
                     "' has lost its lock file and another has its name, or it was overwritten, so "
                     "that it cannot be written: try again, which helps if its cubbyd runs; else "
                     "save its entries with cubby scan and restart it with --fresh"));
  }
  return seats;
}

// Opens one generation.
absl::StatusOr<std::unique_ptr<const Attachment::Generation>> OpenGeneration(
    absl::string_view store, uint64_t number, const Options& options) {
  ASSIGN_OR_RETURN_AS(os::Mapping mapping,
                      os::Mapping::Open(GenerationName(store, number), options.access),
                      absl::IsNotFound(status) ? NoStore(store) : About(store, status));
  RETURN_IF_ERROR(CheckOwner(store, mapping, options.owner));
  ASSIGN_OR_RETURN_AS(MappedTable mapped, MappedTable::Adopt(&mapping, options.guard),
                      About(store, status));
  const table::Geometry& geometry = mapped.table().geometry();
  RETURN_IF_ERROR(About(store, CheckClock(store, mapped.mapping(), geometry)));
  // On Windows a name outlives the store while a process has it open.
  if (StateOf(mapped.table()) == table::State::kRetired) return NoStore(store);
  std::unique_ptr<lock::WriterLock> lock;
  if (options.access == os::Access::kReadWrite) {
    RETURN_IF_ERROR(About(store, CheckWritable(geometry)));
    ASSIGN_OR_RETURN(std::unique_ptr<lock::Seats> seats, OpenSeats(store, mapped));
    ASSIGN_OR_RETURN(lock, OpenLock(store, std::move(seats), mapped.table()));
  }
  return std::make_unique<const Attachment::Generation>(std::move(mapped), std::move(lock));
}

// Counts the looks at a generation whose state was another at the next one.
class Looks {
 public:
  explicit Looks(absl::string_view store) : store_(store) {}

  // Returns Unavailable if it is the kMaxLooks-th at that generation in a row.
  absl::Status Add(const Attachment::Generation& generation) {
    count_ = &generation == last_ ? count_ + 1 : 1;
    last_ = &generation;
    if (count_ < kMaxLooks) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("store '", store_, "': its state changed at each of ", kMaxLooks,
                     " looks, which no cubbyd causes: end the program that overwrites it, and "
                     "restart its cubbyd"));
  }

 private:
  const absl::string_view store_;
  const Attachment::Generation* last_ = nullptr;
  int count_ = 0;
};

}  // namespace

absl::Status About(absl::string_view store, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("store '", store, "': ", status.message()));
}

absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenLock(absl::string_view store,
                                                           std::unique_ptr<lock::Seats> seats,
                                                           const table::WritableTable& table) {
  table::FixedPart& fixed = table.mutable_fixed();
  return lock::WriterLock::Open(store, std::move(seats), &fixed.lock.lock, &fixed.incarnations);
}

std::string GenerationName(absl::string_view store, uint64_t generation) {
  return generation == 0 ? std::string(store) : absl::StrCat(store, ".", generation);
}

absl::StatusOr<std::unique_ptr<Attachment>> Attachment::Open(absl::string_view store,
                                                             const Options& options) {
  RETURN_IF_ERROR(base::ValidateStoreName(store));
  if (!options.owner.empty() && options.owner != "any") {
    RETURN_IF_ERROR(os::CheckUser(options.owner));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<const Generation> generation, OpenGeneration(store, 0, options));
  std::unique_ptr<Attachment> attachment(new Attachment(store, options, std::move(generation)));
  Looks looks(store);
  while (!attachment->current().Readable()) {
    RETURN_IF_ERROR(looks.Add(attachment->current()));
    RETURN_IF_ERROR(attachment->Follow(attachment->current()));
  }
  return attachment;
}

Attachment::Attachment(absl::string_view store, MappedTable mapped,
                       std::unique_ptr<lock::WriterLock> lock)
    : Attachment(store, Options(),
                 std::make_unique<const Generation>(std::move(mapped), std::move(lock))) {}

Attachment::Attachment(absl::string_view store, const Options& options,
                       std::unique_ptr<const Generation> generation)
    : name_(store), options_(options), current_(generation.get()) {
  generations_.push_back(std::move(generation));
}

absl::Status Attachment::Follow(const Generation& generation) {
  RETURN_IF_ERROR(WhyUnreadable(generation));
  const std::lock_guard<std::mutex> guard(mutex_);
  // Another thread may have done it.
  if (&generation != &current()) return absl::OkStatus();
  const absl::optional<uint64_t> successor = table::SuccessorOf(generation.table());
  if (!successor.has_value()) return absl::OkStatus();
  const uint64_t next = *successor;
  // Numbers that rise cannot form a ring, whatever the bytes.
  if (next <= generation.table().geometry().generation) {
    return About(name_, absl::DataLossError("its generation is damaged: restart its cubbyd"));
  }
  ASSIGN_OR_RETURN_AS(std::unique_ptr<const Generation> opened,
                      OpenGeneration(name_, next, options_),
                      absl::IsNotFound(status) ? NoSuccessor(generation, next) : status);
  if (opened->table().geometry().generation != next ||
      opened->mapped().mapping().owner() != generation.mapped().mapping().owner()) {
    return About(name_, absl::FailedPreconditionError(
                            absl::StrCat("the mapping named for its generation ", next,
                                         " is not that: have it removed, and restart its cubbyd")));
  }
  // Release: publishes the generation to the process's other threads.
  current_.store(opened.get(), std::memory_order_release);
  generations_.push_back(std::move(opened));
  return absl::OkStatus();
}

absl::Status Attachment::NoSuccessor(const Generation& generation, uint64_t next) const {
  if (!generation.mapped().mapping().CheckName().ok()) return ShutDown();
  return About(name_, absl::DataLossError(absl::StrCat(
                          "it says that generation ", next,
                          " supersedes it, and there is none: restart its cubbyd with --fresh")));
}

absl::Status Attachment::ShutDown() const {
  return absl::FailedPreconditionError(
      absl::StrCat("store '", name_, "' was shut down: open it again"));
}

absl::Status Attachment::ReadOnly() const {
  return absl::FailedPreconditionError(
      absl::StrCat("store '", name_, "' is open read-only: open it for writing"));
}

absl::Status Attachment::AwaitWritable(const Generation& generation, const os::Deadline& deadline) {
  while (StateOf(generation.table()) == table::State::kSealed) {
    if (deadline.Passed()) {
      return absl::DeadlineExceededError(
          absl::StrCat("store '", name_,
                       "' is sealed, as for a resize, for longer than the timeout: try again"));
    }
    absl::SleepFor(kSealedPause);
  }
  return Follow(generation);
}

absl::StatusOr<const Attachment::Generation*> Attachment::AcquireWritable(
    const Generation* generation, absl::Duration timeout) {
  const os::Deadline deadline(timeout);
  Looks looks(name_);
  do {
    generation->lock()->Release();
    RETURN_IF_ERROR(looks.Add(*generation));
    RETURN_IF_ERROR(AwaitWritable(*generation, deadline));
    generation = &current();
    RETURN_IF_ERROR(About(name_, generation->lock()->Acquire(deadline.Left())));
  } while (StateOf(generation->table()) != table::State::kServing);
  return generation;
}

absl::Status Attachment::WhyUnreadable(const Generation& generation) const {
  if (generation.Readable()) return absl::OkStatus();
  // A truncated page may not have been missed yet: the daemon may have noticed and poisoned the
  // store.
  if (generation.mapped().Truncated()) {
    return absl::UnavailableError(
        absl::StrCat("store '", name_, "' was truncated: restart its cubbyd with --fresh"));
  }
  switch (StateOf(generation.table())) {
    case table::State::kServing:
    case table::State::kSealed:
    case table::State::kSuperseded:
      return absl::OkStatus();
    case table::State::kRetired:
      return ShutDown();
    default:
      return absl::DataLossError(absl::StrCat("store '", name_, "' is damaged: run cubby check"));
  }
}

}  // namespace cubby::attach
