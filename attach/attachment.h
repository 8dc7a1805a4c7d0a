// A process's attachment to a store: the table in its mapping, and the writer lock. Clients open
// one; the daemon adopts the table that it found or made.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<Attachment> attachment, Attachment::Open("sessions", {}));
//   attachment->AsWriter(absl::Seconds(5), [&](const table::WritableTable& table) {
//     return table::Writer(table).Put(request);
//   });
//
// A store that is resized lives on in a new mapping, its next generation. An attachment follows it
// (Follow()), and keeps the mappings of the generations that it has used until it closes, because
// other threads of the process may still read them.
//
// Safe from many threads. In a fork's child reading works and AsWriter() gives FailedPrecondition.
#ifndef CUBBY_ATTACH_ATTACHMENT_H_
#define CUBBY_ATTACH_ATTACHMENT_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "attach/mapped_table.h"
#include "attach/name_watch.h"
#include "attach/watchers.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "lock/writer_role.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/table.h"

namespace cubby::attach {

struct Options {
  os::Access access = os::Access::kReadWrite;
  // The owner to trust: empty for the caller or the system's administrator, else a user as the
  // system writes it (a uid on Linux, a SID on Windows), or "any".
  std::string owner;
  Guard guard = Guard::kNone;
};

// Prefixes a message with the store's name.
absl::Status About(absl::string_view store, const absl::Status& status);

// Takes a free writer's seat in `seats` and opens the lock of the table.
absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenLock(absl::string_view store,
                                                           std::unique_ptr<lock::Seats> seats,
                                                           const table::WritableTable& table);

// The name under which a generation's mapping is found: NAME, or NAME.3 for generation 3.
std::string GenerationName(absl::string_view store, uint64_t generation);

// How often in a row Open() and AsWriter() look again at a generation of the store whose state has
// changed since the last look. A resize changes it two or three times.
inline constexpr int kMaxLooks = 64;

class Attachment {
 public:
  // Opens the store's newest generation. Errors:
  //   NotFound            there is none
  //   PermissionDenied    no access, or the store is not owned by Options::owner
  //   Unimplemented       another layout version, a feature that this program does not know, or
  //                       another boot clock (a Linux time namespace)
  //   DataLoss            truncated or damaged
  //   Unavailable         half made; or, for writing, the lock file was emptied just now; or the
  //                       state has changed at each of kMaxLooks looks
  //   FailedPrecondition  something else has the name; or, for writing, the store has lost its lock
  //                       file, or another store's has its name
  //   ResourceExhausted   no free writer's seat
  static absl::StatusOr<std::unique_ptr<Attachment>> Open(absl::string_view store,
                                                          const Options& options);

  // Takes over a table, with a lock on it.
  Attachment(absl::string_view store, MappedTable mapped, std::unique_ptr<lock::WriterLock> lock);

  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  // One generation of the store, as this process uses it.
  class Generation {
   public:
    Generation(MappedTable mapped, std::unique_ptr<lock::WriterLock> lock)
        : mapped_(std::move(mapped)),
          lock_(std::move(lock)),
          marks_uses_(lock_ != nullptr && table().geometry().evicts()) {}

    const table::WritableTable& table() const { return mapped_.table(); }
    const MappedTable& mapped() const { return mapped_; }
    // Null if open read-only.
    lock::WriterLock* lock() const { return lock_.get(); }

    // True if gets are to be counted in the entries' marks: the store evicts, and is open for
    // writing.
    bool marks_uses() const { return marks_uses_; }

    // For a write that is about to be acknowledged: retires the store if no name leads to it any
    // more, as far as it was time to look.
    void RetireIfOrphaned() const CUBBY_REQUIRES_WRITER_LOCK {
      if (ABSL_PREDICT_FALSE(name_watch_.SeesLoss(table(), mapped_.mapping()))) {
        SetState(table(), table::State::kRetired);
      }
    }

    // True while what a reader finds is the store's. One load of a line that is almost never
    // written (and one more under a guard).
    bool Readable() const {
      if (ABSL_PREDICT_FALSE(mapped_.Tripped())) return false;
      const table::State state = StateOf(table());
      return state == table::State::kServing || state == table::State::kSealed;
    }

   private:
    const MappedTable mapped_;
    const std::unique_ptr<lock::WriterLock> lock_;
    const bool marks_uses_;
    mutable NameWatch name_watch_;  // guarded by the writer lock
  };

  const std::string& name() const { return name_; }
  // Acquire: pairs with Follow().
  const Generation& current() const { return *current_.load(std::memory_order_acquire); }

  // For a generation that is not readable: moves to its successor and returns OK, so that the
  // caller can try again with current(); or returns why there is none to move to:
  //   FailedPrecondition  the store was shut down
  //   Unavailable         it was truncated
  //   DataLoss            it is damaged, or its successor does not exist
  // and the other errors of Open() for the successor.
  absl::Status Follow(const Generation& generation);

  // Runs `operation(table)` with the writer lock held, and returns its result, an absl::Status or
  // StatusOr. The table is that of the current generation, which may have another geometry than at
  // an earlier call. Without running it, returns
  //   FailedPrecondition  open read-only, or in a fork's child, or the store was shut down
  //   DeadlineExceeded    another writer held the lock, or the store was sealed, for `timeout`
  //   Unavailable         the state has changed at each of kMaxLooks looks
  // and the errors of Follow().
  template <typename Operation>
  auto AsWriter(absl::Duration timeout, const Operation& operation)
      -> decltype(operation(std::declval<const table::WritableTable&>()));

 private:
  Attachment(absl::string_view store, const Options& options,
             std::unique_ptr<const Generation> generation);
  absl::Status ReadOnly() const;
  absl::Status ShutDown() const;
  // Why there is no generation `next`, which is said to supersede `generation`.
  absl::Status NoSuccessor(const Generation& generation, uint64_t next) const;
  // For a generation that cannot be written: waits until it is not sealed, or follows.
  absl::Status AwaitWritable(const Generation& generation, const os::Deadline& deadline);
  // For a generation whose lock the caller has acquired and that cannot be written: releases the
  // lock, and returns a generation that can be, with its lock acquired. Errors as AsWriter().
  absl::StatusOr<const Generation*> AcquireWritable(const Generation* generation,
                                                    absl::Duration timeout);
  // Why a generation is not readable; OK if it is, or is superseded.
  absl::Status WhyUnreadable(const Generation& generation) const;

  const std::string name_;
  const Options options_;  // for later generations
  std::atomic<const Generation*> current_;
  std::mutex mutex_;  // guards generations_, and serialises Follow()
  std::vector<std::unique_ptr<const Generation>> generations_;
};

template <typename Operation>
auto Attachment::AsWriter(absl::Duration timeout, const Operation& operation)
    -> decltype(operation(std::declval<const table::WritableTable&>())) {
  const Generation* generation = &current();
  if (ABSL_PREDICT_FALSE(generation->lock() == nullptr)) return ReadOnly();
  absl::Status acquired = generation->lock()->Acquire(timeout);
  if (ABSL_PREDICT_FALSE(!acquired.ok())) return About(name_, acquired);
  if (ABSL_PREDICT_FALSE(StateOf(generation->table()) != table::State::kServing ||
                         generation->mapped().Tripped())) {
    absl::StatusOr<const Generation*> writable = AcquireWritable(generation, timeout);
    if (!writable.ok()) return std::move(writable).status();
    generation = *writable;
  }
  const WatchersCall call(generation->table());
  lock::WriterLockHolder holder(generation->lock());
  auto result = operation(generation->table());
  generation->RetireIfOrphaned();
  // The daemon poisons a truncated store without its lock.
  if (ABSL_PREDICT_FALSE(!generation->Readable())) {
    // OK if hostile bytes say something else by now.
    absl::Status why = WhyUnreadable(*generation);
    if (!why.ok()) return why;
  }
  return result;
}

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_ATTACHMENT_H_
