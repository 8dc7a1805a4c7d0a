// Looks twice a second whether the control channel can still be found, and makes it anew if another
// program has removed its name or the runtime directory.
#ifndef CUBBY_SERVER_CHANNEL_JOB_H_
#define CUBBY_SERVER_CHANNEL_JOB_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "os/deadline.h"
#include "os/pipe_server.h"
#include "server/job.h"

namespace cubby::server {

class ChannelJob : public Job {
 public:
  // `store` is for the log. `pipe` outlives the job.
  ChannelJob(absl::string_view store, os::PipeServer* pipe) : store_(store), pipe_(*pipe) {}

  Progress Step(const os::Deadline& until) override;
  void Cancel(const absl::Status&) override {}

 private:
  const std::string store_;
  os::PipeServer& pipe_;
  absl::Status logged_;  // why the channel could not be made anew
};

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CHANNEL_JOB_H_
