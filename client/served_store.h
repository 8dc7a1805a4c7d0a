// What a store's mapping tells a client of the control channel: which store it is, and whose daemon
// serves it.
#ifndef CUBBY_CLIENT_SERVED_STORE_H_
#define CUBBY_CLIENT_SERVED_STORE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby {

// A daemon that serves has written its heartbeat within this time.
inline constexpr absl::Duration kHeartbeatPatience = absl::Seconds(3);

struct ServedStore {
  std::string instance;  // 16 bytes (table/geometry.h); "" if the header has lost them
  std::string owner;     // the user, as the system writes it
  bool own;              // the calling user's
  // Unimplemented if the store, and so its daemon, counts on another boot clock than the caller
  // (see attach/store_clock.h). OK if the header is damaged: only the daemon can tell then.
  absl::Status clock;
  // What the daemon writes once a second. It proves nothing: it may have been killed since.
  uint64_t daemon_pid;
  absl::Duration since_heartbeat;
};

// Looks into the mapping of that name. NotFound; PermissionDenied; Unavailable if the store is half
// made.
absl::StatusOr<ServedStore> LookAtStore(absl::string_view store);

// Returns why the daemon cannot be asked, for a client that has met the error `met` on its channel:
// `met`, with what the mapping tells added, or PermissionDenied if the store is another user's.
absl::Status WhyUnreachable(absl::string_view store, const absl::Status& met);

}  // namespace cubby

#endif  // CUBBY_CLIENT_SERVED_STORE_H_
