// Proof of life: a row of numbered seats per store, each held by at most one open Seats handle
// anywhere on the host, and given back by the kernel when the holder's process goes, however it
// goes.
//
// On Linux a seat is an open-file-description write lock on one byte of the lock file
// `/cubby.NAME.lock`, which lies beside the mapping (the same mount, so the same store, in every
// container) and which only those who may write the mapping can open. On Windows a seat is a named
// mutex `Local\cubby.NAME.w<seat>` owned by a thread that this handle keeps for that. Both mean the
// same in every container and for every process id.
//
// Safe from many threads. Closing the handle gives its seats back. A fork's child closes its copy
// at once (so it does not keep its parent's seats alive) and its handle is forked() from then on; a
// raw clone() without exec is not covered.
#ifndef CUBBY_LOCK_SEATS_H_
#define CUBBY_LOCK_SEATS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "lock/lock_words.h"

namespace cubby::lock {

// Held by the one daemon that may create, serve and remove the store.
inline constexpr uint32_t kDaemonSeat = kMaxWriters;

class Seats {
 public:
  // Opens the store's seats. REQUIRES: the caller has opened the mapping before; the daemon makes
  // the lock file before the mapping and removes it after, so these seats are then that mapping's,
  // or a younger one's and harmless. NotFound if there are none (Linux: no lock file; on Windows
  // they are made at need); PermissionDenied; FailedPrecondition if what has the name is not a lock
  // file (a link, a device ...).
  static absl::StatusOr<std::unique_ptr<Seats>> Open(absl::string_view store);

  // For the daemon: makes the seats if there are none and takes kDaemonSeat. `mode` and `group` are
  // as for the mapping; whoever may write there may sit down here. *created says
  // whether nothing of an earlier daemon's is left: no lock file on Linux; on Windows, where seats
  // go with their holders, no mapping that a client still has open. AlreadyExists if another daemon
  // has the seat; PermissionDenied if the lock file is another user's.
  static absl::StatusOr<std::unique_ptr<Seats>> OpenForDaemon(
      absl::string_view store, uint32_t mode, bool* created,
      absl::optional<uint32_t> group = absl::nullopt);

  // Takes the name of the store's seats away, whatever it leads to. REQUIRES: the caller holds
  // kDaemonSeat.
  static absl::Status Remove(absl::string_view store);
  // The same, for the daemon when it removes the store, but only if the name leads to these seats:
  // what others have put in its place since is theirs.
  virtual absl::Status Remove() const = 0;

  // For the daemon, when it makes another mapping for seats that were there: who may write a
  // mapping of that mode and group may sit down from now on. Nothing on Windows, where seats are
  // made at need, each for those who may write the mapping then.
  virtual absl::Status LetInWritersOf(uint32_t mode, absl::optional<uint32_t> group) = 0;

  virtual ~Seats() = default;
  Seats(const Seats&) = delete;
  Seats& operator=(const Seats&) = delete;

  // Takes seat `seat` if nobody has it and says whether it did. False also if this handle already
  // has it. FailedPrecondition in a fork's child.
  virtual absl::StatusOr<bool> Claim(uint32_t seat) = 0;

  // True if somebody holds the seat. When in doubt (the system would not say) the holder counts as
  // alive. For a seat of this very handle the answer is not defined.
  virtual bool IsHeld(uint32_t seat) const = 0;

  // True in a fork's child.
  virtual bool forked() const = 0;

  // The owner of the lock file, comparable to Mapping::owner(). On Windows, where seats have none
  // of their own, that of the mapping, or the current user if there is none yet.
  virtual const std::string& owner() const = 0;

 protected:
  Seats() = default;
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_SEATS_H_
