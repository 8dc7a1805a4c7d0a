// Proof that a process lives: each store has a row of numbered seats. At most one open Seats handle
// on the host holds a seat, and the kernel releases it when the holder's process ends, however it
// ends.
//
// On Linux a seat is an open-file-description write lock on one byte of the lock file
// `/cubby.NAME.lock`. The file lies beside the mapping (on the same mount, so it belongs to the
// same store in every container), and only users who may write the mapping can open it. Names can
// be removed and made anew, so the file begins with the instance of the store that its seats belong
// to: writers with seats in different files would all own the lock at once. On Windows
// a seat is a named mutex `Local\cubby.NAME.w<seat>`, owned by a thread of the handle. Process ids,
// which differ between containers, play no part.
//
// Safe from many threads. Destroying the handle releases its seats. A fork's child closes its copy
// at once, so that it does not keep its parent's seats held, and cannot use the handle; a raw
// clone() without exec is not covered.
#ifndef CUBBY_LOCK_SEATS_H_
#define CUBBY_LOCK_SEATS_H_

#include <atomic>
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
// Held by a daemon that has released kDaemonSeat for its successor, until it ends or has
// kDaemonSeat again. While it is held, only that successor may claim kDaemonSeat.
inline constexpr uint32_t kHandOverSeat = kMaxWriters + 1;
// Held by a program that is about to claim kDaemonSeat, or has it, to remove a store that no
// process uses. It takes milliseconds, for which a daemon that starts waits. Not used on Windows,
// where such a store does not exist.
inline constexpr uint32_t kCleanerSeat = kMaxWriters + 2;

// How often this process and its ancestors have forked since they first opened seats: a handle from
// before a fork is useless after it. Raised in the child, before fork() returns there.
inline std::atomic<uint32_t> fork_count{0};

// A store's random number, as its header has it.
using Instance = uint64_t[2];

class Seats {
 public:
  // Opens the store's seats. REQUIRES: the caller has opened the mapping. It must claim a seat only
  // if they BelongTo() that mapping.
  // NotFound if there is no lock file (Linux; Windows makes seats when they are claimed);
  // PermissionDenied; FailedPrecondition if the name leads to something else (a link, a device).
  static absl::StatusOr<std::unique_ptr<Seats>> Open(absl::string_view store);

  // True if OpenForDaemon() finds the seats and does not make them. Always true on Windows, where
  // only a claimed seat exists.
  static bool Exist(absl::string_view store);

  // For the daemon: makes the seats if there are none and claims kDaemonSeat. `mode` and `group`
  // are as for the mapping; users who may write the mapping may claim seats. Sets *created to
  // whether nothing is left of an earlier daemon: no lock file on Linux; on Windows, where seats
  // end with their holders, no mapping that a client has open.
  // AlreadyExists if another daemon holds the seat, or hands it over; Unavailable if a cleaner has
  // it for seconds; PermissionDenied if the lock file is another user's; FailedPrecondition if the
  // system has no place for shared memory.
  static absl::StatusOr<std::unique_ptr<Seats>> OpenForDaemon(
      absl::string_view store, uint32_t mode, bool* created,
      absl::optional<uint32_t> group = absl::nullopt);

  ~Seats();
  Seats(const Seats&) = delete;
  Seats& operator=(const Seats&) = delete;

  // Removes the name of the store's seats, whatever it leads to. REQUIRES: the caller holds
  // kDaemonSeat.
  static absl::Status Remove(absl::string_view store);
  // For the daemon when it removes the store: removes the name only if it leads to these seats.
  absl::Status Remove() const;

  // OK while processes that open the store's seats get these; NotFound if another process has
  // removed the lock file, AlreadyExists if it was made anew. Always OK on Windows.
  absl::Status CheckName() const;

  // For the daemon before it publishes a new store: notes that the seats are those of the store
  // with this instance. Does nothing on Windows, where seats end with their holders.
  absl::Status GiveTo(const Instance& instance);
  // True if they are the seats of the store with this instance. Always true on Windows.
  bool BelongTo(const Instance& instance) const;
  // True if they are no store's: the lock file is just made, or another process has emptied it.
  // Always true on Windows.
  bool BelongToNone() const;

  // For the daemon: notes a time, nanoseconds since 1970, where every process can read it that may
  // see the store's names. On Linux it is the time at which the lock file was modified; Windows has
  // no place for it.
  void NoteTime(uint64_t unix_ns) const;
  // Returns the time that the daemon noted for the store last. Nothing if there is no lock file,
  // and on Windows.
  static absl::optional<uint64_t> NotedTime(absl::string_view store);
  // FailedPrecondition if the lock file has other bytes than GiveTo() writes: it may be another
  // program's. Always OK on Windows.
  absl::Status CheckBytes() const;

  // For the daemon when it makes a new mapping for seats that exist: lets users who may write a
  // mapping of that mode and group claim seats. Does nothing on Windows, where a seat takes the
  // mapping's rights when it is claimed.
  absl::Status LetInWritersOf(uint32_t mode, absl::optional<uint32_t> group);

  // Claims seat `seat`. Returns false if any handle, this one included, holds it.
  // FailedPrecondition in a fork's child.
  absl::StatusOr<bool> Claim(uint32_t seat);

  // Gives a seat back. REQUIRES: this handle has claimed it.
  absl::Status Release(uint32_t seat);

  // True if another handle holds the seat, and also if the system does not tell. Undefined for a
  // seat of this handle.
  bool IsHeld(uint32_t seat) const;

  // The owner of the lock file, comparable to Mapping::owner(). On Windows the owner of the
  // mapping, or the current user if there is none.
  const std::string& owner() const;

 private:
  struct Impl;
  explicit Seats(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_SEATS_H_
