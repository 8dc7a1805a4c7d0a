// The life of a daemon: from its options to its end.
#ifndef CUBBY_SERVER_DAEMON_H_
#define CUBBY_SERVER_DAEMON_H_

#include "absl/status/status.h"
#include "server/options.h"

namespace cubby::server {

// Makes or finds the store, serves it until the process is asked to end (os/signals.h) or an
// administrator shuts it down, then takes it away. Errors as OwnedStore::Open, and those of the
// control channel. Call once.
absl::Status RunDaemon(const Options& options);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_DAEMON_H_
