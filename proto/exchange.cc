#include "proto/exchange.h"

#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "os/pipe.h"
#include "os/process.h"
#include "proto/frame.h"
#include "proto/protocol.h"

namespace cubby::proto {

static_assert(kMaxFrameBytes <= os::kMaxRequestBytes, "a request is one frame, sent at once");

void Complete(const os::Deadline& deadline, control::Request* request) {
  request->set_protocol(kProtocol);
  request->set_request_id(os::RandomBits());
  request->set_deadline_ns(deadline.InBootNanos());
  request->mutable_clock()->set_offset_ns(os::BootOffsetNanos());
  request->mutable_clock()->set_unix_ahead_ns(os::UnixAheadOfBootNanos());
}

absl::StatusOr<control::Response> Exchange(os::PipeClient* pipe, const control::Request& request,
                                           const os::Deadline& deadline) {
  ASSIGN_OR_RETURN(const std::string frame, EncodeFrames(request.SerializeAsString()));
  RETURN_IF_ERROR(pipe->Send(frame, deadline.Left()));
  FrameDecoder decoder;
  for (;;) {
    ASSIGN_OR_RETURN(const std::string bytes, pipe->Receive(deadline.Left()));
    decoder.Append(bytes);
    while (absl::optional<std::string> message = decoder.Next()) {
      control::Response response;
      if (!response.ParseFromString(*message)) {
        return absl::InternalError(
            "the daemon sent a message that is no response: use the same cubby version as its "
            "cubbyd");
      }
      if (response.request_id() == request.request_id()) return response;
    }
  }
}

}  // namespace cubby::proto
