#include "attach/leftover.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "attach/attachment.h"
#include "base/status_macros.h"
#include "os/fault_guard.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::attach {

absl::Status CheckHalfMade(const os::Mapping& mapping, const lock::Seats* seats) {
  const os::FaultGuard guard(mapping.data(), mapping.size());
  if (seats == nullptr) {
    const char* const bytes = mapping.data();
    const size_t size = mapping.size();
    if (size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0)) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        "not a cubby store, nor a half made one: something else has its name: remove that, or "
        "choose another name");
  }
  const bool beaten = mapping.size() >= table::kHeaderBytes &&
                      reinterpret_cast<const table::FixedPart*>(mapping.data())
                              ->state.heartbeat_ns.load(std::memory_order_relaxed) != 0;
  if (beaten || seats->BelongToNone()) return absl::OkStatus();
  return absl::DataLossError(
      "its bytes were cut off, or overwritten by zeros: discard it with --fresh");
}

absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenPassingLock(
    absl::string_view store, const table::WritableTable& table) {
  ASSIGN_OR_RETURN(std::unique_ptr<lock::Seats> seats, lock::Seats::Open(store));
  return OpenLock(store, std::move(seats), table);
}

absl::Status RetireLeftover(absl::string_view store, const table::WritableTable& table,
                            const lock::Seats& seats, absl::Duration timeout,
                            absl::FunctionRef<absl::Status()> check) {
  switch (StateOf(table)) {
    case table::State::kServing:
    case table::State::kSealed:
    case table::State::kSuperseded:
      break;
    default:  // the state tells every process already that it is retired or damaged
      return absl::OkStatus();
  }
  if (!seats.BelongTo(table.geometry().instance)) {
    // Its writers have seats in a lock file without a name: these seats do not tell who lives.
    RETURN_IF_ERROR(check());
    SetState(table, table::State::kRetired);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<lock::WriterLock> lock, OpenPassingLock(store, table));
  RETURN_IF_ERROR(lock->Acquire(timeout));
  lock::WriterLockHolder holder(lock.get());
  RETURN_IF_ERROR(check());
  SetState(table, table::State::kRetired);
  return absl::OkStatus();
}

}  // namespace cubby::attach
