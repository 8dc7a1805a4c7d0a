// A client of a store's daemon, over its control channel: for the daemon's state, and for
// operations that only the daemon does.
//
//   absl::StatusOr<std::unique_ptr<cubby::Admin>> admin = cubby::Admin::Connect("sessions");
//   if (admin.ok()) absl::Status status = (*admin)->Ping();
//
// Not thread-safe: use one Admin per thread. Gets and puts do not need it (client/store.h).
//
// Errors of every call: InvalidArgument if no store can have that name (base/store_name.h), or
// CUBBY_RUNTIME_DIR is not an absolute path; Unavailable if there is no daemon or it ended, or the
// store is half made; DeadlineExceeded if it did not answer in time (it does not begin the request
// after that); PermissionDenied if the store is another user's; FailedPrecondition if the daemon
// serves another store of that name; Unimplemented if it speaks another version of the protocol,
// does not know the request, or is in a time namespace with another boot clock.
#ifndef CUBBY_CLIENT_ADMIN_H_
#define CUBBY_CLIENT_ADMIN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/property.h"
#include "base/stats.h"
#include "client/store.h"

namespace cubby {

struct DaemonInfo {
  std::string store;
  std::string version;
  uint64_t pid = 0;
  absl::Duration uptime;
  // Those of Store::Properties(), and the daemon's own; docs/reference.md lists them.
  std::vector<Property> properties;
};

// The counters of the store and the daemon (base/stats.h).
struct DaemonStats {
  // Counters that an older daemon does not have are 0.
  StoreStats store;
  DaemonCounts daemon;  // since the daemon started
  // All counters that the daemon sent, including those of a newer daemon that the structs lack.
  std::vector<Number> numbers;
};

struct CheckReport {
  std::vector<std::string> problems;  // one line each; none: the store is sound
  uint64_t more_problems = 0;         // beyond those listed
  uint64_t entries = 0;
  uint64_t extents_in_use = 0;
  uint64_t loose_overflow_counts = 0;  // too high after a kill: misses there are slower
};

struct ShutdownOptions {
  bool keep = false;  // leave the store, with its entries, to the next daemon
};

class Admin {
 public:
  // `timeout` applies to each call.
  static absl::StatusOr<std::unique_ptr<Admin>> Connect(absl::string_view store,
                                                        absl::Duration timeout = absl::Seconds(30));
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  absl::Status Ping();
  absl::StatusOr<DaemonInfo> Info();
  absl::StatusOr<DaemonStats> Stats();
  // Deletes every entry that exists when it starts, and returns their number. Writers proceed
  // meanwhile. After an error some entries may be deleted and others not; DataLoss means that
  // damaged ones remain.
  absl::StatusOr<uint64_t> Flush();
  // Checks the whole table. Writers wait meanwhile, about 0.1 s per million entries, so that in a
  // store of 50 million entries they reach their default timeout of 5 s; readers do not wait.
  absl::StatusOr<CheckReport> Check();
  // Has the store's changes recorded for `duration` from now on, an hour at most, and watchers
  // woken that have the store open read-only: for WatchOptions::ask_daemon. Unimplemented if the
  // store has no change ring.
  absl::Status RecordChanges(absl::Duration duration);
  // Returns when the daemon has removed the store's names, or, to keep the store, when the next
  // daemon can start. A store that is kept stays as it is for those who have it open (on Windows it
  // lasts as long as any do).
  absl::Status Shutdown(const ShutdownOptions& options = {});

 private:
  struct Impl;
  explicit Admin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_ADMIN_H_
