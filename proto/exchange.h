// One exchange on the control channel: a request to the daemon, and the response to it.
//
//   control::Request request;
//   request.mutable_ping();
//   request.set_instance(instance);
//   proto::Complete(deadline, &request);
//   ASSIGN_OR_RETURN(control::Response response, proto::Exchange(pipe.get(), request, deadline));
#ifndef CUBBY_PROTO_EXCHANGE_H_
#define CUBBY_PROTO_EXCHANGE_H_

#include "absl/status/statusor.h"
#include "os/deadline.h"
#include "os/pipe_client.h"
#include "proto/control.pb.h"

namespace cubby::proto {

// Sets what every request says, whatever it asks for: the protocol, an id of its own, the deadline,
// and the boot clock that this is on.
void Complete(const os::Deadline& deadline, control::Request* request);

// Sends `request`, and returns the response that has its id. That response may say that the request
// has failed. Returns Unavailable if the daemon ends, or has ended, before it answers;
// DeadlineExceeded; Internal if it sends a message that is no response.
absl::StatusOr<control::Response> Exchange(os::PipeClient* pipe, const control::Request& request,
                                           const os::Deadline& deadline);

}  // namespace cubby::proto

#endif  // CUBBY_PROTO_EXCHANGE_H_
