// The side of a hand-over that takes a store over from a running daemon; server/hand_over.h is the
// other side, and says how the two proceed.
#ifndef CUBBY_SERVER_SUCCESSOR_H_
#define CUBBY_SERVER_SUCCESSOR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lock/seats.h"
#include "table/geometry.h"

namespace cubby::server {

// Asks the daemon that serves the store with that geometry to hand it over, and claims kDaemonSeat
// in its place, also if the daemon ends without an answer.
// DeadlineExceeded if the daemon has not let this process in after `timeout`; Unavailable if it
// cannot be asked, or is about to end; Unimplemented if it does not know the request; AlreadyExists
// if another process takes the store over.
absl::Status AskForDaemonSeat(absl::string_view store, const table::Geometry& geometry,
                              lock::Seats* seats, absl::Duration timeout);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_SUCCESSOR_H_
