// Talks to the daemon of a store over its control channel: what it is, how it fares, and what only
// it may do.
//
//   absl::StatusOr<std::unique_ptr<cubby::Admin>> admin = cubby::Admin::Connect("sessions");
//   if (admin.ok()) absl::Status status = (*admin)->Ping();
//
// One request at a time; use one Admin per thread. Get and put need none of this (client/store.h).
//
// Every call: Unavailable if no daemon answers there (or it went away), DeadlineExceeded if it did
// not answer in time (what it has not begun by then, it will not do), Unimplemented if it is too
// old to know the request.
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
  // What Store::Properties() returns, and what the daemon adds: docs/reference.md lists them.
  std::vector<Property> properties;
};

// What the store and the daemon count (base/stats.h).
struct DaemonStats {
  // 0 for what an older daemon does not count.
  StoreStats store;
  DaemonCounts daemon;  // since the daemon started
  // All that the daemon counts, also what a newer one counts and the structs above have not.
  std::vector<Number> numbers;
};

struct CheckReport {
  std::vector<std::string> problems;  // one line each; none: the store is sound
  uint64_t more_problems = 0;         // beyond those listed
  uint64_t entries = 0;
  uint64_t extents_in_use = 0;
  uint64_t loose_overflow_counts = 0;  // higher than need be: slower misses there, nothing wrong
};

class Admin {
 public:
  // `timeout` holds for each call. PermissionDenied if the channel is another user's.
  static absl::StatusOr<std::unique_ptr<Admin>> Connect(absl::string_view store,
                                                        absl::Duration timeout = absl::Seconds(30));
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  absl::Status Ping();
  absl::StatusOr<DaemonInfo> Info();
  absl::StatusOr<DaemonStats> Stats();
  // Deletes every entry that is there when it starts; returns how many. Writers may go on
  // meanwhile. Any error may leave some entries deleted and others not; DataLoss says that damaged
  // ones were left out.
  absl::StatusOr<uint64_t> Flush();
  // Walks the whole table. Writers wait meanwhile, about 0.1 s per million entries, so that in a
  // store of 50 million they reach their usual timeout of 5 s; readers do not wait.
  absl::StatusOr<CheckReport> Check();
  // Returns once the daemon has taken the store's names away.
  absl::Status Shutdown();

 private:
  struct Impl;
  explicit Admin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby

#endif  // CUBBY_CLIENT_ADMIN_H_
