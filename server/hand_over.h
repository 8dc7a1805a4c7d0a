// Hands a store over to another process, its successor, while clients use it.
//
//   daemon                                         successor (server/successor.h)
//   ------------------------------------------------------------------------------------------
//                                                  finds nothing to refuse
//                                              <-- asks: ReplaceRequest (proto/control.proto)
//   ends flushes and checks; begins no others
//   takes no more requests from the channel
//   claims kHandOverSeat, releases kDaemonSeat
//   answers -->
//                                                  claims kDaemonSeat
//                                                  opens a lock, joins the channel
//                                              <-- beats, and serves
//   leaves the channel, and ends
//
// One process at a time holds kDaemonSeat, and kHandOverSeat keeps other starts from it meanwhile.
// Requests wait in the channel (Linux), or their clients are told to ask again (Windows). Gets and
// puts need neither.
//
// A successor that ends before it beats leaves kDaemonSeat free: the daemon takes it back and goes
// on. A daemon that ends in between leaves both seats free: the successor claims kDaemonSeat and
// makes the channel anew. If both end, the store is left as after a kill.
#ifndef CUBBY_SERVER_HAND_OVER_H_
#define CUBBY_SERVER_HAND_OVER_H_

#include "absl/time/time.h"
#include "os/pipe_server.h"
#include "server/control.h"
#include "server/owned_store.h"

namespace cubby::server {

// How long a daemon lets its successor take to claim kDaemonSeat, before it goes on itself. Clients
// wait meanwhile, and cubby's default --timeout is 5 s.
inline constexpr absl::Duration kSuccessorPatience = absl::Seconds(2);

// For a daemon whose `control` has a successor and no jobs under way. Returns true once that serves
// the store: the daemon has left the channel and is to end. Returns false if the daemon is to go
// on.
bool HandOver(OwnedStore* store, os::PipeServer* pipe, Control* control);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_HAND_OVER_H_
