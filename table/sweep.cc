#include "table/sweep.h"

#include <algorithm>
#include <atomic>

#include "table/writer.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Returns when the first entry of [begin, end) goes, or 0.
uint64_t EarliestIn(const Table& table, uint64_t begin, uint64_t end) {
  uint64_t earliest = 0;
  for (uint64_t bucket = begin; bucket < end; ++bucket) {
    uint32_t ways = LiveWays(table.head(bucket).word0.load(kRelaxed)) & table.geometry().ways_mask;
    for (; ways != 0; ways &= ways - 1) {
      const uint64_t gone = GoneNs(table.slot(bucket, static_cast<uint32_t>(__builtin_ctz(ways))));
      if (gone != 0 && (earliest == 0 || gone < earliest)) earliest = gone;
    }
  }
  return earliest;
}

}  // namespace

void Sweep::EndGroup(uint64_t earliest) {
  if (earliest != 0) next_expiry_ = std::min(next_expiry_, earliest);
  cleared_ = 0;
  ++groups_done_;
  if (++group_ == ExpiryGroups(table_.geometry())) group_ = 0;
}

bool Sweep::PassGroups(uint64_t now_ns) {
  for (uint64_t passed = 0; passed < kPassedPerStep && !done(); ++passed) {
    const uint64_t earliest = table_.group_expiry(group_).next_expiry.load(kRelaxed);
    if (earliest != 0 && earliest <= now_ns) return true;
    EndGroup(earliest);
  }
  return false;
}

absl::Status Sweep::ClearBuckets(uint64_t now_ns) {
  const uint64_t begin = group_ * kBucketsPerExpiry;
  const uint64_t end = std::min(begin + kBucketsPerExpiry, table_.geometry().bucket_count);
  Writer writer(table_);
  absl::Status damage;
  uint64_t removed = 0;
  while (begin + cleared_ < end && removed < kRemovedPerStep) {
    const uint64_t bucket = begin + cleared_++;
    const Writer::Cleared cleared =
        everything_ ? writer.ClearAll(bucket) : writer.ClearExpired(bucket, now_ns);
    removed += cleared.removed;
    damage.Update(cleared.damage);
  }
  removed_ += removed;
  if (begin + cleared_ < end) return damage;
  // Looked for in all of them at once: puts and moves come between the steps, and moves within one.
  const uint64_t earliest = EarliestIn(table_, begin, end);
  if (table_.geometry().has_expiries) {
    table_.mutable_group_expiry(group_).next_expiry.store(earliest, kRelaxed);
  }
  EndGroup(earliest);
  return damage;
}

absl::Status Sweep::Step(uint64_t now_ns) {
  if (!begun_) pass_.Begin(table_);
  begun_ = true;
  const bool passes = !everything_ && cleared_ == 0 && table_.geometry().has_expiries;
  const absl::Status damage =
      !passes || PassGroups(now_ns) ? ClearBuckets(now_ns) : absl::OkStatus();
  if (done()) pass_.End(table_, next_expiry_);
  return damage;
}

}  // namespace cubby::table
