// The part of the writer that records commits in the change ring (table/changes.h).
#include <atomic>

#include "absl/base/attributes.h"
#include "base/status_macros.h"
#include "table/changes.h"
#include "table/entry.h"
#include "table/writer.h"

namespace cubby::table {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

ChangeKind Writer::KindOfPut(const Located& old, const Content& content) const {
  const bool had_lease = !old.visible && HasLease(old);
  const bool makes_lease = (content.flags & kSlotFlagLease) != 0;
  // Gets found none before: a lease that ends leaves a value that has expired, or none.
  const bool restores = had_lease && content.expiry_ns != 0 && clock_() >= content.expiry_ns;
  if (!makes_lease && !restores) return ChangeKind::kPut;
  // A lease takes the place of an entry that has expired, which no sweep will find any more.
  return makes_lease && old.slot_found && !had_lease ? ChangeKind::kExpire : ChangeKind::kHidden;
}

absl::Status Writer::NoteGone(const Place& place, ChangeKind kind, Changes::Gone* gone) const {
  const SlotHead& slot = table_.slot(place.bucket, place.way);
  const SlotLengths lengths = UnpackLengths(slot.lengths.load(kRelaxed));
  // Other bytes than HashOf() saw, if a process has stored them without the lock.
  if (!LengthsArePossible(table_.geometry(), lengths)) return Damaged(place.bucket);
  if (CopyKey(table_, slot, slot.sequence.load(kRelaxed), lengths, &gone->key) != Look::kWhole) {
    return Damaged(place.bucket);
  }
  gone->kind = lengths.lease() ? ChangeKind::kHidden : kind;
  return absl::OkStatus();
}

ABSL_ATTRIBUTE_NOINLINE absl::Status Writer::EraseRecording(const Place& place, ChangeKind kind,
                                                            const Plan& plan) {
  Changes::Gone gone;
  RETURN_IF_ERROR(NoteGone(place, kind, &gone));
  Changes changes;
  changes.kind = gone.kind;
  changes.key = gone.key;
  Execute<Operation::kDelete>(
      table_, plan, [](uint64_t /*revision*/) {}, /*gone=*/nullptr, &changes);
  return absl::OkStatus();
}

}  // namespace cubby::table
