// Whether a process reads the boot clock that a store's expiries are on. Linux can give the boot
// clock of a time namespace an offset, and then living entries look expired, or expired ones alive.
//
// The store's header has the offset of its daemon, and /proc tells a process its own. Where it does
// not, at one of both ends, the wall clock serves for the comparison, which all processes share:
// once a second the daemon notes a moment on its boot clock, as the heartbeat, and the same moment
// on the wall clock, as the time at which the lock file was modified (the mapping's own changes
// with page faults). The distance between the two clocks is the same in every process with the same
// boot clock. It changes when the wall clock is set, until the daemon's next heartbeat.
#ifndef CUBBY_ATTACH_STORE_CLOCK_H_
#define CUBBY_ATTACH_STORE_CLOCK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lock/seats.h"
#include "os/mapping.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby::attach {

// A process's boot clock, as another process can compare it with its own.
struct BootClock {
  int64_t offset_ns;      // os::BootOffsetNanos()
  int64_t unix_ahead_ns;  // os::UnixAheadOfBootNanos()
};
BootClock OwnBootClock();

// Returns Unimplemented if `daemons` is another clock than `clients`, or seems to be.
absl::Status CompareClocks(const BootClock& daemons, const BootClock& clients);

// Returns Unimplemented if the expiries of the store are on another boot clock than this process's,
// or if that cannot be told. REQUIRES: at least table::kHeaderBytes of the store are mapped. May
// wait for some heartbeats before it refuses, but only where /proc does not tell.
absl::Status CheckClock(absl::string_view store, const os::Mapping& mapping,
                        const table::Geometry& geometry);

// For the daemon, once a second: notes the time in the state line and with the seats.
void NoteTime(const lock::Seats& seats, table::StateLine* line);

}  // namespace cubby::attach

#endif  // CUBBY_ATTACH_STORE_CLOCK_H_
