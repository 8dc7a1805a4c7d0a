#include "table/sweep.h"

#include <algorithm>

#include "table/writer.h"

namespace cubby::table {

absl::Status Sweep::Step(uint64_t now_ns) {
  if (visited_ == 0) pass_.Begin(table_);
  Writer writer(table_);
  absl::Status damage;
  const uint64_t end = std::min(visited_ + kBucketsPerStep, table_.geometry().bucket_count);
  for (; visited_ < end; ++visited_, next_ = table_.NextBucket(next_)) {
    const Writer::Cleared cleared =
        everything_ ? writer.ClearAll(next_) : writer.ClearExpired(next_, now_ns);
    removed_ += cleared.removed;
    next_expiry_ = std::min(next_expiry_, cleared.next_expiry);
    damage.Update(cleared.damage);
  }
  if (done()) pass_.End(table_, next_expiry_);
  return damage;
}

}  // namespace cubby::table
