// What a put means: sets, adds, replaces, compares and sets, adds a number, appends, touches or
// exchanges. The set is closed, so that no code of a caller runs under the writer lock.
#ifndef CUBBY_TABLE_UPDATE_H_
#define CUBBY_TABLE_UPDATE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::table {

enum class UpdateKind {
  kSet,            // the value, whether or not there is an entry
  kAdd,            // the value; AlreadyExists if there is an entry
  kReplace,        // the value; NotFound if there is no entry
  kCompareAndSet,  // the value; NotFound if there is no entry, Aborted if it has another revision
  kAddNumber,      // the entry's number plus `addend`; `initial` if there is no entry
  kAppend,         // the entry's value with the given one behind it; the value if there is no entry
  kTouch,          // the entry's value as it is, for the sake of the expiry; NotFound if none
  kExchange,       // the value, and receives the entry that it replaces
  kFill,           // the value, in place of the lease that has a revision; Aborted if there is none
};

// The entry that the key has. Expired ones do not count.
struct Existing {
  bool visible = false;
  uint64_t revision = 0;
  uint64_t expiry_ns = 0;
  uint64_t lease = 0;  // if there is a lease instead, its revision
};

struct Update {
  UpdateKind kind = UpdateKind::kSet;
  bool keep_expiry = false;  // if there is an entry, its expiry stays
  absl::string_view value;
  uint64_t expiry_ns = 0;           // the BootNanos() from which on the entry is gone; 0: never
  uint32_t flags = 0;               // of the slot: kStaleFlags; for Writer::Lease() kSlotFlagLease
  uint64_t if_revision = 0;         // kCompareAndSet, kFill
  int64_t addend = 0;               // kAddNumber
  absl::optional<int64_t> initial;  // kAddNumber; unset: NotFound if there is no entry
  // Where NeedsOldValue(): receives the new value, or for kExchange the old one, empty if there is
  // no entry. Must be set for these.
  std::string* result = nullptr;
  Existing* replaced = nullptr;  // kExchange, which must set it
};

// True if the old value is copied, because it is a part of the new one or of the answer.
inline bool NeedsOldValue(UpdateKind kind) {
  return kind >= UpdateKind::kAddNumber && kind <= UpdateKind::kExchange;
}
// True if *Update::result is the new value, else Update::value is.
inline bool ResultIsNewValue(UpdateKind kind) {
  return NeedsOldValue(kind) && kind != UpdateKind::kExchange;
}

// Returns OK if the update's condition holds for the entry; else the error that UpdateKind names.
absl::Status CheckCondition(const Update& update, const Existing& existing);

// Sets *update.result, and *update.replaced, of a kind that needs the old value. *update.result
// holds that if `existing` is visible. Returns InvalidArgument if the old value is to be added to
// and is not a decimal 64-bit number, OutOfRange if the sum is none or the new value is longer than
// `max_value_bytes`; *update.result is unspecified then.
absl::Status ComputeResult(const Update& update, const Existing& existing,
                           uint64_t max_value_bytes);

}  // namespace cubby::table

#endif  // CUBBY_TABLE_UPDATE_H_
