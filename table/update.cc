#include "table/update.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace cubby::table {
namespace {

// Without a message: a common answer, which should not allocate.
absl::Status NoEntry() { return absl::Status(absl::StatusCode::kNotFound, ""); }

absl::Status AddNumber(const Update& update, const Existing& existing) {
  std::string& value = *update.result;
  if (!existing.visible) {
    value = absl::StrCat(*update.initial);
    return absl::OkStatus();
  }
  int64_t number;
  // SimpleAtoi also takes spaces and a plus sign, which a sum would silently drop.
  if (!absl::SimpleAtoi(value, &number) || absl::StrCat(number) != value) {
    return absl::InvalidArgumentError(
        "the value is not a decimal number of 64 bits: put one first");
  }
  int64_t sum;
  if (__builtin_add_overflow(number, update.addend, &sum)) {
    return absl::OutOfRangeError(absl::StrCat(number, " + ", update.addend,
                                              " does not fit in 64 bits: put a smaller number"));
  }
  value = absl::StrCat(sum);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCondition(const Update& update, const Existing& existing) {
  switch (update.kind) {
    case UpdateKind::kSet:
    case UpdateKind::kAppend:
    case UpdateKind::kExchange:
      return absl::OkStatus();
    case UpdateKind::kAdd:
      return existing.visible ? absl::AlreadyExistsError("the key is there already")
                              : absl::OkStatus();
    case UpdateKind::kReplace:
    case UpdateKind::kTouch:
      return existing.visible ? absl::OkStatus() : NoEntry();
    case UpdateKind::kCompareAndSet:
      if (!existing.visible) return NoEntry();
      if (existing.revision == update.if_revision) return absl::OkStatus();
      return absl::AbortedError(absl::StrCat("the entry has revision ", existing.revision, ", not ",
                                             update.if_revision, ": get it and try again"));
    case UpdateKind::kAddNumber:
      return existing.visible || update.initial.has_value() ? absl::OkStatus() : NoEntry();
    case UpdateKind::kFill:
      return existing.lease == update.if_revision
                 ? absl::OkStatus()
                 : absl::AbortedError(
                       "the lease is void: the key was written, deleted, evicted or flushed "
                       "meanwhile, or the lease was too short and another process took over: get "
                       "the key again");
  }
  return absl::InternalError("no such update");
}

absl::Status ComputeResult(const Update& update, const Existing& existing,
                           uint64_t max_value_bytes) {
  if (!existing.visible) update.result->clear();
  if (update.kind == UpdateKind::kExchange) {
    *update.replaced = existing;
    return absl::OkStatus();
  }
  if (update.kind == UpdateKind::kAddNumber) {
    RETURN_IF_ERROR(AddNumber(update, existing));
  } else {
    absl::StrAppend(update.result, update.value);  // nothing for kTouch
  }
  if (update.result->size() <= max_value_bytes) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("the new value has ", update.result->size(),
                                            " bytes, the limit is ", max_value_bytes,
                                            ": make the store with a larger --max-value"));
}

}  // namespace cubby::table
