// The part of the writer that makes and ends leases (docs/protocol.md).
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "table/expiry.h"
#include "table/repair.h"
#include "table/writer.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

absl::string_view BytesOf(const LeaseRecord& record) {
  return {reinterpret_cast<const char*>(&record), sizeof(record)};
}

}  // namespace

bool SplitRecord(std::string* value, LeaseRecord* record) {
  if (value->size() < sizeof(*record)) return false;
  std::memcpy(record, value->data(), sizeof(*record));
  value->erase(0, sizeof(*record));
  return true;
}

absl::StatusOr<Writer::Leased> Writer::Lease(const LeaseRequest& request, std::string* value) {
  RepairIfNeeded(table_);
  Located old;
  if (!Locate(request.key, request.hash, &old)) return Damaged(old.place.bucket);
  Leased leased;
  leased.existing = ExistingIn(old);
  value->clear();
  if (old.slot_found) RETURN_IF_ERROR(CopyValue(old.place, value));
  if (old.visible) return leased;

  if (table_.geometry().lease_flags == 0) {
    return absl::UnimplementedError(
        "an earlier version made the store, without leases: restart its daemon with --fresh");
  }
  const uint64_t now_ns = clock_();
  uint32_t stale_flags = request.stale_flags;
  if (old.slot_found) {
    const SlotHead& slot = table_.slot(old.place.bucket, old.place.way);
    const uint32_t flags = StaleFlagsIn(slot);
    if (leased.existing.lease != 0) {
      LeaseRecord before;
      if (!SplitRecord(value, &before)) return Damaged(old.place.bucket);
      leased.stale_expiry_ns = before.old_expiry_ns;
      if (leased.existing.lease != request.void_revision && now_ns < before.bound_ns) {
        leased.outcome = Leased::Outcome::kHeld;
        leased.revision = leased.existing.lease;
        leased.owner = before.owner;
        leased.bound_ns = before.bound_ns;
        return leased;
      }
    } else {
      leased.stale_expiry_ns = slot.expiry_ns.load(kRelaxed);
    }
    stale_flags = std::max(stale_flags, flags);
    if (now_ns >= GoneNs(leased.stale_expiry_ns, stale_flags)) leased.stale_expiry_ns = 0;
  }

  // The expired value is kept if that costs nothing but free extents.
  if (ChainLength(table_.geometry(),
                  BytesInExtents(request.key, value->size() + kLeaseRecordBytes)) >
      table_.fixed().extents.free_count.load(kRelaxed)) {
    leased.stale_expiry_ns = 0;
  }
  const LeaseRecord record = {request.owner, request.bound_ns, leased.stale_expiry_ns};
  std::string content(BytesOf(record));
  if (leased.stale_expiry_ns != 0) content.append(*value);
  PutRequest put;
  put.key = request.key;
  put.hash = request.hash;
  put.update.value = content;
  put.update.flags = kSlotFlagLease | stale_flags;
  put.update.expiry_ns = std::max(request.bound_ns, GoneNs(leased.stale_expiry_ns, stale_flags));
  ASSIGN_OR_RETURN(leased.revision, Put(put));
  leased.outcome = Leased::Outcome::kGranted;
  return leased;
}

absl::Status Writer::EndLease(absl::string_view key, uint64_t hash, uint64_t revision) {
  RepairIfNeeded(table_);
  Located located;
  if (!Locate(key, hash, &located)) return Damaged(located.place.bucket);
  if (ExistingIn(located).lease != revision) return absl::OkStatus();
  std::string value;
  RETURN_IF_ERROR(CopyValue(located.place, &value));
  const SlotHead& slot = table_.slot(located.place.bucket, located.place.way);
  const uint32_t flags = StaleFlagsIn(slot);
  LeaseRecord record;
  if (!SplitRecord(&value, &record)) return Damaged(located.place.bucket);
  if (record.old_expiry_ns != 0) {
    PutRequest put;
    put.key = key;
    put.hash = hash;
    put.update.value = value;
    put.update.expiry_ns = record.old_expiry_ns;
    put.update.flags = flags;
    const absl::Status restored = Put(put).status();
    if (!absl::IsResourceExhausted(restored)) return restored;
  }
  const absl::Status removed = Delete(key, hash);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace cubby::table
