// A client's end of the control channel (os/pipe.h), for one answer to all that it sends. For one
// thread.
//
//   ASSIGN_OR_RETURN(auto client, os::PipeClient::Connect("jobs", absl::Seconds(1)));
//   RETURN_IF_ERROR(client->Send("how are you?", absl::Seconds(1)));
//   ASSIGN_OR_RETURN(std::string answer, client->Receive(absl::Seconds(1)));
#ifndef CUBBY_OS_PIPE_CLIENT_H_
#define CUBBY_OS_PIPE_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::os {

class PipeClient {
 public:
  // Unavailable if the store has no daemon; PermissionDenied if the channel is another user's;
  // Unimplemented if the daemon's channel is that of an older version (Linux); DeadlineExceeded if
  // the daemon serves as many clients as it can until then (Windows).
  static absl::StatusOr<std::unique_ptr<PipeClient>> Connect(absl::string_view store,
                                                             absl::Duration timeout);
  ~PipeClient();
  PipeClient(const PipeClient&) = delete;
  PipeClient& operator=(const PipeClient&) = delete;

  // Sends one request. REQUIRES: 1 to kMaxRequestBytes bytes.
  // Unavailable if the daemon is gone; DeadlineExceeded.
  absl::Status Send(absl::string_view request, absl::Duration timeout);

  // Returns the next bytes of the answer, at least one.
  // Unavailable if the daemon is gone, or has ended or dropped the answer; DeadlineExceeded.
  absl::StatusOr<std::string> Receive(absl::Duration timeout);

 private:
  struct Impl;
  explicit PipeClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_PIPE_CLIENT_H_
