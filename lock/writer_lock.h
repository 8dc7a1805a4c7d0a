// The lock that lets one writer at a time into a store. A killed writer does not block it.
//
// The lock is one word in the mapping, taken and released by compare-and-swap with no system call.
// It names its owner:
//
//   word:  [ incarnation : 32 | reserved : 16 | waiters : 1 | seat + 1 : 15 ]        0 = free
//
// A held seat (lock/seats.h) proves that the owner lives. Each claim of a seat raises the seat's
// incarnation, so the word of a killed writer differs from that of the next writer in its seat. A
// waiter that has seen the same word for kProbeAfter checks whether the owner lives and, if it does
// not, replaces the word by its own: a takeover.
//
// Rules:
// - One WriterLock per open store. Threads may share it: between Acquire() and Release() the
//   calling thread owns the lock. Not recursive.
// - A live owner never loses the lock: Acquire() waits until its deadline, then returns
//   DeadlineExceeded.
// - A kill at any instruction leaves the word free or naming the killed owner. The next owner
//   repairs what the killed one left unfinished in the table (table/recovery.h).
// - In a fork's child Acquire() returns FailedPrecondition.
#ifndef CUBBY_LOCK_WRITER_LOCK_H_
#define CUBBY_LOCK_WRITER_LOCK_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lock/lock_words.h"
#include "lock/parking.h"
#include "lock/seats.h"
#include "lock/writer_role.h"

namespace cubby::lock {

class WriterLock {
 public:
  // Returns true if a process holds the seat, as Seats::IsHeld().
  using IsHeld = absl::AnyInvocable<bool(uint32_t seat) const>;

  // Claims a free seat in `seats`. `words` and `incarnations` must stay mapped for writing while
  // the result lives. ResourceExhausted, naming the limit, if all kMaxWriters seats are held.
  static absl::StatusOr<std::unique_ptr<WriterLock>> Open(absl::string_view store,
                                                          std::unique_ptr<Seats> seats,
                                                          LockWords* words,
                                                          IncarnationTable* incarnations);
  // The same for a writer that holds `seat` already, as long as the result lives. `is_held` tells
  // whether the owners of other seats live.
  static absl::StatusOr<std::unique_ptr<WriterLock>> OpenAt(absl::string_view store, uint32_t seat,
                                                            IsHeld is_held, LockWords* words,
                                                            IncarnationTable* incarnations);
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  // Takes the lock; uncontended, with one compare-and-swap.
  // DeadlineExceeded if a live writer still owns it after `timeout`; FailedPrecondition in a fork's
  // child.
  absl::Status Acquire(absl::Duration timeout);

  // Releases the lock and wakes a waiter if there is one. REQUIRES: the caller owns it.
  void Release();

  uint32_t seat() const { return seat_; }
  // The lock's word while this writer owns it, without the waiters bit: names it among all writers
  // that the store ever had, as long as no seat is claimed 2^32 times.
  uint64_t self() const { return self_; }
  // True if the writer lives whose self() that is: its process, or a thread of this one, has the
  // store open. Takes a system call.
  bool Lives(uint64_t writer) const { return !OwnerIsGone(writer); }

 private:
  WriterLock(uint32_t seat, uint32_t incarnation, IsHeld is_held, Parking parking, LockWords* words,
             IncarnationTable* incarnations);

  // Tries to replace a free word by `mine`, for some 10 us. Returns true if it did.
  bool Spin(uint64_t mine);
  absl::Status AcquireContended(absl::Duration timeout);
  // True if no live writer owns a lock whose word is `word`.
  bool OwnerIsGone(uint64_t word) const;

  // What Acquire() and Release() use comes first.
  LockWords* const words_;
  const uint64_t self_;   // the word that names this writer, without the waiters bit
  const uint32_t forks_;  // fork_count when the lock was opened
  const uint32_t seat_;
  IncarnationTable* const incarnations_;
  const Parking parking_;
  const IsHeld is_held_;
};

// Releases the lock at the end of a scope. REQUIRES: the caller owns it.
class ABSL_SCOPED_LOCKABLE WriterLockHolder {
 public:
  explicit WriterLockHolder(WriterLock* lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(kWriterRole)
      : lock_(lock) {}
  ~WriterLockHolder() ABSL_UNLOCK_FUNCTION() { lock_->Release(); }
  WriterLockHolder(const WriterLockHolder&) = delete;
  WriterLockHolder& operator=(const WriterLockHolder&) = delete;

 private:
  WriterLock* lock_;
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_WRITER_LOCK_H_
