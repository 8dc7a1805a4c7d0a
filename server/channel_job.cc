#include "server/channel_job.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/log.h"

namespace cubby::server {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(500);

}  // namespace

Job::Progress ChannelJob::Step(const os::Deadline&) {
  const absl::StatusOr<std::string> lost = pipe_.Restore();
  if (!lost.ok() && lost.status() != logged_) {
    Log(LogLevel::kError, store_,
        absl::StrCat("lost its control channel and cannot make it anew: ",
                     lost.status().message()));
  } else if (lost.ok() && !lost->empty()) {
    Log(LogLevel::kWarning, store_,
        absl::StrCat("lost its control channel and made it anew: ", *lost));
  }
  logged_ = lost.status();
  return Progress::Blocked(kInterval);
}

}  // namespace cubby::server
