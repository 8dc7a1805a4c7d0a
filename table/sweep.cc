#include "table/sweep.h"

#include <algorithm>

#include "table/writer.h"

namespace cubby::table {

absl::Status Sweep::Step(uint64_t now_ns) {
  if (next_bucket_ == 0) pass_.Begin(table_);
  Writer writer(table_);
  absl::Status damage;
  const uint64_t end = std::min(next_bucket_ + kBucketsPerStep, table_.geometry().bucket_count);
  for (; next_bucket_ < end; ++next_bucket_) {
    const Writer::Cleared cleared = writer.ClearBucket(next_bucket_, everything_, now_ns);
    removed_ += cleared.removed;
    next_expiry_ = std::min(next_expiry_, cleared.next_expiry);
    damage.Update(cleared.damage);
  }
  if (done()) pass_.End(table_, next_expiry_);
  return damage;
}

}  // namespace cubby::table
