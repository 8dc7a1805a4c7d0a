// What a daemon left, and how the next daemon or `cubby clean` discards it: programs that have the
// store open learn that it is retired before its names go away.
//
// All REQUIRE that the caller holds lock::kDaemonSeat in `seats`, where there are seats.
#ifndef CUBBY_ATTACH_LEFTOVER_H_
#define CUBBY_ATTACH_LEFTOVER_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "os/mapping.h"
#include "table/table.h"

namespace cubby::attach {

// Why an object without a header is not what a daemon leaves that is killed while it makes a store;
// OK if it may be that. Such a daemon has made the lock file, and from when it has made the seats
// the store's there is a heartbeat. `seats` are null if there are none.
absl::Status CheckHalfMade(const os::Mapping& mapping, const lock::Seats* seats);

// A lock on the table, with a seat of its own that is given back with the lock.
absl::StatusOr<std::unique_ptr<lock::WriterLock>> OpenPassingLock(
    absl::string_view store, const table::WritableTable& table);

// Marks as retired, under its lock if that is sound, a store whose entries are to be discarded. If
// it is not retired or damaged already, `check` is called first, with the lock held if it is sound:
// the seat of that lock is held then. Returns the error of `check`; DeadlineExceeded if another
// writer held the lock for `timeout`; and the errors of OpenPassingLock(). Needs only the fixed
// part of the table.
absl::Status RetireLeftover(
    absl::string_view store, const table::WritableTable& table, const lock::Seats& seats,
    absl::Duration timeout,
    absl::FunctionRef<absl::Status()> check = [] { return absl::OkStatus(); });

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_LEFTOVER_H_
