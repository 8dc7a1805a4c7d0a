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
// On Windows a mapping exists as long as any process has it open, so a store that is to be
// discarded may still exist. Then the daemon empties it and serves it again, if it has the shape
// and mode that a new one would have.
//
// One process owns a store at a time: it holds lock::kDaemonSeat. Used by one thread.
#ifndef CUBBY_SERVER_OWNED_STORE_H_
#define CUBBY_SERVER_OWNED_STORE_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
  // discarded; Open() returns its error.
  // Returns AlreadyExists if the store has a daemon; InvalidArgument for an option that is out of
  // range or not the existing store's; ResourceExhausted if memory is short; PermissionDenied if
  // the store is another user's; Unimplemented for another layout version; DataLoss for damage;
  // FailedPrecondition if something else has the name, or if huge pages are required and not to be
  // had; DeadlineExceeded if a living writer keeps the lock.
  static absl::StatusOr<std::unique_ptr<OwnedStore>> Open(const Options& options,
                                                          absl::FunctionRef<absl::Status()> seated);

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
  // How many bytes of the memory this daemon has found in huge pages, or moved there.
  uint64_t huge_page_bytes() const { return huge_page_bytes_; }
  void AddHugePage() { huge_page_bytes_ += os::kHugePageBytes; }

  // OK while the store's names lead to it; else says which does not. Processes that open the store
  // do not find it then.
  absl::Status CheckNames() const;

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
  OwnedStore(const std::string& name, Memory memory, const lock::Seats* seats,
             std::unique_ptr<lock::WriterLock> lock);

  static absl::StatusOr<Memory> FindOrMake(const Options& options, lock::Seats* seats);
  static absl::StatusOr<Memory> Make(const Options& options, lock::Seats* seats);
  static absl::StatusOr<Memory> MakeOfLeftover(const Options& options,
                                               const table::Geometry& wanted);

  attach::Attachment attachment_;
  uint64_t huge_page_bytes_;
  const bool made_;
  const lock::Seats& seats_;  // the lock's
};

// How long the daemon waits for the lock when it cannot continue without it. Writers hold it for
// microseconds; one that is stopped in a debugger holds it for longer.
inline constexpr absl::Duration kLockTimeout = absl::Seconds(5);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_OWNED_STORE_H_
