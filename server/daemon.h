// Runs a daemon, from its options to its end.
#ifndef CUBBY_SERVER_DAEMON_H_
#define CUBBY_SERVER_DAEMON_H_

#include "absl/status/status.h"
#include "server/options.h"

namespace cubby::server {

// Creates or adopts the store, serves it until the process is asked to end
// (os/signals.h) or a shutdown request comes, then removes it or leaves it, as is asked for.
// Errors: those of OwnedStore::Open() and the control channel; after an error the store stays, as
// after a kill. REQUIRES: StartLog() has been called. Call once.
absl::Status RunDaemon(Options options);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_DAEMON_H_
