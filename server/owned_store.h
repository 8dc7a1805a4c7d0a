// The store that this daemon has made, or found, and will take away again: its names, its memory,
// and a writer's lock on it.
//
//   what is there when it starts               becomes                  with --fresh
//   ------------------------------------------------------------------------------------
//   nothing                                    made
//   half made                                  discarded, made
//   shut down, but not taken away              discarded, made
//   sound, of the shape and mode asked for     kept with its entries    discarded, made
//   sound, of another shape or mode            refused                  discarded, made
//   damaged, or of another version             refused                  discarded, made
//   another user's, or no store                refused                  refused
//
// On Windows a mapping stays as long as any process has it open, so what is to be discarded may be
// there still. Then it is emptied and served again, if it has the shape and mode that a new one
// would have.
//
// One process has a store at a time: it holds lock::kDaemonSeat. Used by one thread.
#ifndef CUBBY_SERVER_OWNED_STORE_H_
#define CUBBY_SERVER_OWNED_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "server/options.h"
#include "table/geometry.h"
#include "table/table.h"

namespace cubby::server {

class OwnedStore {
 public:
  // AlreadyExists: it has a daemon. InvalidArgument: an option that cannot be, or that is not the
  // existing store's. ResourceExhausted: not enough memory. PermissionDenied: another user's.
  // Unimplemented: another layout version. DataLoss: damaged. FailedPrecondition: something else
  // has the name, or no huge pages where they must be. DeadlineExceeded: a living writer does not
  // let go.
  static absl::StatusOr<std::unique_ptr<OwnedStore>> Open(const Options& options);

  // Leaves the store as it is, for the next daemon to find.
  ~OwnedStore() = default;
  OwnedStore(const OwnedStore&) = delete;
  OwnedStore& operator=(const OwnedStore&) = delete;

  // Tells all who have the store open that it is gone, and takes its names away, unless others have
  // removed them and put something else in their place. The names are free for another daemon, on
  // Windows too, once this object is destroyed.
  void Retire();

  const std::string& name() const { return name_; }
  const table::WritableTable& table() const { return table_; }
  lock::WriterLock& lock() { return *lock_; }
  // False if its entries are an earlier daemon's.
  bool made() const { return made_; }
  // How much of the memory was in huge pages when it was opened.
  uint64_t huge_page_bytes() const { return huge_page_bytes_; }

  // True if somebody has truncated the mapping's file: what is read from the table then is worth
  // nothing. The file itself is asked too, since not every missing page faults: of a huge page that
  // the new end lies in, the kernel may leave the rest as zeros.
  bool Truncated() const { return guard_->tripped() || mapping_.Truncated(); }
  // Ends its use by those who look at its state, as they do with every call.
  void Poison();

 private:
  struct Memory {
    os::Mapping mapping;
    std::unique_ptr<os::FaultGuard> guard;
    table::Geometry geometry;
    uint64_t huge_page_bytes;
    bool made;
  };
  OwnedStore(const std::string& name, Memory memory, const lock::Seats* seats,
             std::unique_ptr<lock::WriterLock> lock);

  static absl::StatusOr<Memory> FindOrMake(const Options& options);
  static absl::StatusOr<Memory> Make(const Options& options);
  static absl::StatusOr<Memory> MakeOfLeftover(const Options& options,
                                               const table::Geometry& wanted);

  const std::string name_;
  const os::Mapping mapping_;
  const std::unique_ptr<os::FaultGuard> guard_;
  const table::WritableTable table_;
  const uint64_t huge_page_bytes_;
  const bool made_;
  const std::unique_ptr<lock::WriterLock> lock_;
  const lock::Seats& seats_;  // lock_'s
};

// How long the daemon waits for the lock when it cannot go on without. Writers hold it for
// microseconds; one that is stopped in a debugger holds it for longer.
inline constexpr absl::Duration kLockTimeout = absl::Seconds(5);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_OWNED_STORE_H_
