#include "table/sweep.h"

#include <algorithm>
#include <atomic>

#include "table/writer.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void NoteExpiry(const WritableTable& table, uint64_t expiry_ns) {
  SweepLine& line = table.mutable_fixed().sweep;
  for (std::atomic<uint64_t>* earliest : {&line.next_expiry, &line.fresh_expiry}) {
    if (expiry_ns < earliest->load(kRelaxed)) earliest->store(expiry_ns, kRelaxed);
  }
}

bool MayHaveExpired(const Table& table, uint64_t now_ns) {
  return table.fixed().counters.expiring.load(kRelaxed) != 0 &&
         table.fixed().sweep.next_expiry.load(kRelaxed) <= now_ns;
}

absl::Status Sweep::Step(uint64_t now_ns) {
  SweepLine& line = table_.mutable_fixed().sweep;
  if (next_bucket_ == 0) {
    // In this order: an older pass must not raise next_expiry without what is forgotten here.
    pass_ = line.newest_pass.load(kRelaxed) + 1;
    line.newest_pass.store(pass_, kRelaxed);
    line.fresh_expiry.store(~uint64_t{0}, std::memory_order_release);
  }
  Writer writer(table_);
  absl::Status damage;
  const uint64_t end = std::min(next_bucket_ + kBucketsPerStep, table_.geometry().bucket_count);
  for (; next_bucket_ < end; ++next_bucket_) {
    const Writer::Cleared cleared = writer.ClearBucket(next_bucket_, everything_, now_ns);
    removed_ += cleared.removed;
    next_expiry_ = std::min(next_expiry_, cleared.next_expiry);
    damage.Update(cleared.damage);
  }
  if (done() && line.newest_pass.load(kRelaxed) == pass_) {
    line.next_expiry.store(std::min(next_expiry_, line.fresh_expiry.load(kRelaxed)), kRelaxed);
  }
  return damage;
}

}  // namespace cubby::table
