#include "table/sweep.h"

#include <algorithm>
#include <atomic>

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

bool MayHaveExpired(const Table& table, uint64_t now_ns) {
  const Counters& counters = table.fixed().counters;
  return counters.expiring.load(kRelaxed) != 0 && counters.next_expiry.load(kRelaxed) <= now_ns;
}

absl::Status Sweep::Step(uint64_t now_ns) {
  Counters& counters = table_.mutable_fixed().counters;
  if (next_bucket_ == 0) puts_at_start_ = counters.puts.load(kRelaxed);
  Writer writer(table_);
  const uint64_t end = std::min(next_bucket_ + kBucketsPerStep, table_.geometry().bucket_count);
  while (next_bucket_ < end) {
    const uint64_t bucket = next_bucket_++;
    absl::StatusOr<uint32_t> removed = everything_
                                           ? writer.ClearBucket(bucket)
                                           : writer.SweepBucket(bucket, now_ns, &next_expiry_);
    if (!removed.ok()) return removed.status();
    removed_ += *removed;
  }
  // A put into a bucket already visited may expire before anything seen. Then the old bound stays,
  // which is too early at worst: one more pass than need be.
  if (done() && !everything_ && counters.puts.load(kRelaxed) == puts_at_start_) {
    counters.next_expiry.store(next_expiry_, kRelaxed);
  }
  return absl::OkStatus();
}

}  // namespace cubby::table
