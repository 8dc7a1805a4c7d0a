#include "server/huge_pages_job.h"

namespace cubby::server {
namespace {

// A failure means that the system has looked for free memory that lies together, at the cost of
// other programs' time. So many in a row, and there is none.
constexpr int kMaxFailures = 16;

}  // namespace

Job::Progress HugePagesJob::Step(const os::Deadline& until) {
  const uint64_t last = os::HugePageBytesOf(store_.mapping().size());
  do {
    if (next_ > last || failures_ == kMaxFailures) return Progress::Done();
    const absl::Status used = store_.mapping().UseHugePage(next_);
    if (absl::IsUnimplemented(used)) return Progress::Done();
    if (used.ok()) store_.AddHugePage();
    failures_ = used.ok() ? 0 : failures_ + 1;
    next_ += os::kHugePageBytes;
  } while (!until.Passed());
  return Progress::Running();
}

}  // namespace cubby::server
