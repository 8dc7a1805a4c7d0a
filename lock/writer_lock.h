// The lock that lets one writer at a time into a store, and survives any writer's death.
//
// The lock is one word in the mapping, taken and released by compare-and-swap with no system call.
// It names its owner:
//
//   word:  [ incarnation : 32 | reserved : 16 | waiters : 1 | seat + 1 : 15 ]        0 = free
//
// That the owner lives is proved by its seat (os/seats.h). A seat's incarnation goes up whenever
// somebody sits down, so a word left behind by the dead never looks like the living writer who has
// the same seat now. A waiter that has slept kProbeAfter without the word changing asks whether the
// owner still lives and, if not, replaces the word by its own.
//
// Rules:
// - One WriterLock per open store. Threads may share it: between Acquire() and Release() the caller
//   owns the lock, whichever thread it is. Not recursive.
// - Never stolen from the living: with a live owner, Acquire() waits until its deadline, then
//   DeadlineExceeded.
// - A kill at any instruction leaves the word free or naming the dead owner. What that owner left
//   half done in the table is mended by the next one (table/recovery.h).
// - In a fork's child Acquire() gives FailedPrecondition.
#ifndef CUBBY_LOCK_WRITER_LOCK_H_
#define CUBBY_LOCK_WRITER_LOCK_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lock/lock_words.h"
#include "lock/parking.h"
#include "lock/seats.h"

namespace cubby::lock {

class WriterLock {
 public:
  // Takes a free seat in `seats`. `words` and `incarnations` must stay mapped for writing while the
  // result lives. ResourceExhausted, naming the limit, if all kMaxWriters seats are taken.
  static absl::StatusOr<std::unique_ptr<WriterLock>> Open(absl::string_view store,
                                                          std::unique_ptr<Seats> seats,
                                                          LockWords* words,
                                                          IncarnationTable* incarnations);
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  // Takes the lock; uncontended, that is one compare-and-swap.
  // DeadlineExceeded if a living writer still has it after `timeout`; FailedPrecondition in a
  // fork's child.
  absl::Status Acquire(absl::Duration timeout);

  // Gives it back and wakes a waiter if there is one. REQUIRES: the caller owns it.
  void Release();

  uint32_t seat() const { return seat_; }

 private:
  WriterLock(std::unique_ptr<Seats> seats, Parking parking, LockWords* words,
             IncarnationTable* incarnations, uint32_t seat, uint32_t incarnation);

  // Looks at the word some hundred times; true if it was free once and is `mine` now.
  bool Spin(uint64_t mine);
  absl::Status AcquireContended(absl::Duration timeout);
  // True if the owner that `word` names no longer lives.
  bool OwnerIsDead(uint64_t word) const;

  std::unique_ptr<Seats> seats_;
  Parking parking_;
  LockWords* words_;
  IncarnationTable* incarnations_;
  uint32_t seat_;
  uint64_t self_;  // the word that names this writer, without the waiters bit
};

// Owns the lock for a scope.
class WriterLockHolder {
 public:
  explicit WriterLockHolder(WriterLock* lock) : lock_(lock) {}
  ~WriterLockHolder() { lock_->Release(); }
  WriterLockHolder(const WriterLockHolder&) = delete;
  WriterLockHolder& operator=(const WriterLockHolder&) = delete;

 private:
  WriterLock* lock_;
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_WRITER_LOCK_H_
