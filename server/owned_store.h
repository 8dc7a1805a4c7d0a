// The store that this daemon made or found, and removes at its end: its names, its memory, and a
// writer's lock on it.
//
//   what exists when it starts                 becomes                  with --fresh
//   ------------------------------------------------------------------------------------
//   nothing                                    made
//   half made                                  discarded, made
//   shut down, but not taken away              discarded, made
//   sound, of the shape and mode asked for     kept with its entries    discarded, made
//   sound, of another shape or mode            refused                  discarded, made
//   damaged, or of another version             refused                  discarded, made
//   another user's, or no store                refused                  refused
//
// While a daemon serves the store, the same table says what becomes of a start with --replace: the
// store is taken over from that daemon where it would be kept, and else the start is refused.
//
// On Windows a mapping exists as long as any process has it open, so a store that is to be
// discarded may still exist. Then the daemon empties it and serves it again, if it has the shape
// and mode that a new one would have.
//
// One process owns a store at a time: it holds lock::kDaemonSeat. Only at a hand-over it lets that
// go, for a moment and for its successor. Used by one thread.
#ifndef CUBBY_SERVER_OWNED_STORE_H_
#define CUBBY_SERVER_OWNED_STORE_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "attach/attachment.h"
#include "attach/mapped_table.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/mapping.h"
#include "server/options.h"
#include "table/geometry.h"
#include "table/table.h"

namespace cubby::server {

class OwnedStore {
 public:
  // `seated` is called once this process is the store's only daemon, before anything is made or
  // discarded; Open() returns its error. If `seats` have lock::kHandOverSeat held, another process
  // is handing the store over: it goes on to serve if this one fails now.
  // Returns AlreadyExists if the store has a daemon, or with --replace if another process takes
  // the store over; InvalidArgument for an option that is out of
  // range or not the existing store's; ResourceExhausted if memory is short; PermissionDenied if
  // the store is another user's; Unimplemented for another layout version; DataLoss for damage;
  // FailedPrecondition if something else has the name, or if huge pages are required and not to be
  // had; DeadlineExceeded if a living writer keeps the lock; Cancelled if `stopped` before there is
  // a store, of which nothing is left, or before a running daemon is asked for its store.
  using Seated = absl::FunctionRef<absl::Status(const lock::Seats& seats)>;
  static absl::StatusOr<std::unique_ptr<OwnedStore>> Open(const Options& options, Seated seated,
                                                          os::Stopped stopped = os::NeverStopped);

  // Leaves the store as it is, for the next daemon.
  ~OwnedStore() = default;
  OwnedStore(const OwnedStore&) = delete;
  OwnedStore& operator=(const OwnedStore&) = delete;

  // Marks the store as shut down for all processes that have it open, and removes its names, unless
  // they lead to something else by now. The names are free for another daemon, on Windows too, once
  // this object is destroyed.
  void Retire();

  const std::string& name() const { return attachment_.name(); }
  const os::Mapping& mapping() const { return attachment_.current().mapped().mapping(); }
  const table::WritableTable& table() const { return attachment_.current().table(); }
  lock::WriterLock& lock() { return *attachment_.current().lock(); }
  // False if its entries are an earlier daemon's.
  bool made() const { return made_; }
  // True if it was taken over from a daemon that served it.
  bool taken_over() const { return taken_over_; }

  // For a daemon that hands its store over (server/hand_over.h): lets the process that has asked
  // for it become the store's daemon. REQUIRES: no job is under way, and this process does not beat
  // (server/heartbeat.h).
  absl::Status LetSuccessorIn();
  // True while that process, or another, is the store's daemon.
  bool SuccessorIsSeated() const { return seats_.IsHeld(lock::kDaemonSeat); }
  // True once it serves the store, too: it has beaten.
  bool SuccessorServes() const;
  // Makes this process the store's daemon again. Returns false if another one is.
  absl::StatusOr<bool> TakeBack();

  // How many bytes of the memory this daemon has found in huge pages, or moved there.
  uint64_t huge_page_bytes() const { return huge_page_bytes_; }
  void AddHugePage() { huge_page_bytes_ += os::kHugePageBytes; }

  // OK while the store's names lead to it, and while they are hidden; else says which does not.
  // Processes that open the store do not find it then.
  absl::Status CheckNames() const;

  // See attach::NoteTime().
  void NoteTime();
  // Notes in the store what its daemon does with it at its end, for the case that the daemon is
  // killed: `cubby clean` does not remove by itself what was to be kept.
  void NoteAtEnd(table::AtEnd at_end);

  // Writes the store's instance into its lock file again if another process has overwritten it.
  // Without it no writer opens the store. Returns whether it had to.
  absl::StatusOr<bool> RepairLockFile();
  // OK while the header and the state in shared memory are such that processes can open the store.
  // Takes some 0.2 us. REQUIRES: not Truncated().
  absl::Status CheckFixedPart() const;

  // See attach::MappedTable.
  bool Truncated() const { return attachment_.current().mapped().Truncated(); }
  // Makes processes that check the state, as they do with every call, stop using the store.
  void Poison();
  // The same for a store whose names are lost. Retire() removes the names that are left.
  void MarkRetired();

 private:
  struct Memory {
    attach::MappedTable mapped;
    uint64_t huge_page_bytes;
    bool made;
  };
  OwnedStore(const std::string& name, Memory memory, bool taken_over, lock::Seats* seats,
             std::unique_ptr<lock::WriterLock> lock);

  static absl::StatusOr<std::unique_ptr<OwnedStore>> TakeOver(const Options& options, Seated seated,
                                                              os::Stopped stopped);
  static absl::StatusOr<Memory> FindOrMake(const Options& options, lock::Seats* seats,
                                           os::Stopped stopped);
  static absl::StatusOr<Memory> Make(const Options& options, lock::Seats* seats,
                                     os::Stopped stopped);
  static absl::StatusOr<Memory> MakeOfLeftover(const Options& options,
                                               const table::Geometry& wanted, os::Stopped stopped);

  attach::Attachment attachment_;
  uint64_t huge_page_bytes_;
  const bool made_;
  const bool taken_over_;
  lock::Seats& seats_;         // the lock's
  uint64_t last_beat_ns_ = 0;  // before the hand-over
};

// Returns the message of `error` without its last part, which says what to do: for another message
// that says that.
absl::string_view WithoutRemedy(const absl::Status& error);

// How long the daemon waits for the lock when it cannot continue without it. Writers hold it for
// microseconds; one that is stopped in a debugger holds it for longer.
inline constexpr absl::Duration kLockTimeout = absl::Seconds(5);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_OWNED_STORE_H_
