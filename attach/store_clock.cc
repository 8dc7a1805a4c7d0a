#include "attach/store_clock.h"

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "os/clock.h"
#include "os/deadline.h"

namespace cubby::attach {
namespace {

// How long a process waits for a heartbeat that agrees with its clock: the last one may have been
// noted before the wall clock was set, or just now be noted.
constexpr absl::Duration kHeartbeatPatience = absl::Milliseconds(2500);
constexpr absl::Duration kHeartbeatPause = absl::Milliseconds(10);
// How exactly a process reads both clocks, on a machine with more work than processors.
constexpr absl::Duration kReadingError = absl::Milliseconds(5);

std::string Distance(absl::Duration ahead) {
  return absl::StrCat(absl::FormatDuration(absl::AbsDuration(ahead)),
                      ahead < absl::ZeroDuration() ? " behind" : " ahead of", " this process's");
}

// How far the daemon's boot clock is ahead of the client's, as long as the wall clock is not set.
absl::Duration Ahead(const BootClock& daemons, const BootClock& clients) {
  return absl::Nanoseconds(clients.unix_ahead_ns) - absl::Nanoseconds(daemons.unix_ahead_ns);
}

bool OffsetsAreKnown(const BootClock& a, const BootClock& b) {
  return a.offset_ns != os::kUnknownBootOffset && b.offset_ns != os::kUnknownBootOffset;
}

absl::Status Untold() {
  return absl::UnimplementedError(
      "whether its expiries are on this process's boot clock cannot be told without /proc: mount "
      "/proc here and for its cubbyd");
}

}  // namespace

BootClock OwnBootClock() { return {os::BootOffsetNanos(), os::UnixAheadOfBootNanos()}; }

absl::Status CompareClocks(const BootClock& daemons, const BootClock& clients) {
  if (OffsetsAreKnown(daemons, clients)) {
    if (daemons.offset_ns == clients.offset_ns) return absl::OkStatus();
    return absl::UnimplementedError(absl::StrCat(
        "its expiries are on the boot clock of another time namespace, ",
        Distance(absl::Nanoseconds(daemons.offset_ns) - absl::Nanoseconds(clients.offset_ns)),
        ": run in the time namespace of its cubbyd"));
  }
  const absl::Duration ahead = Ahead(daemons, clients);
  if (absl::AbsDuration(ahead) <= kReadingError) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "its expiries seem to be on the boot clock of another time namespace, ",
      Distance(absl::Floor(ahead + absl::Microseconds(500), absl::Milliseconds(1))),
      ": run in the time namespace of its cubbyd; if it is the same, start cubbyd, or mount /proc "
      "here and for cubbyd"));
}

absl::Status CheckClock(absl::string_view store, const os::Mapping& mapping,
                        const table::Geometry& geometry) {
  BootClock daemons = {geometry.clock_offset_ns, 0};
  const BootClock own_offset = {os::BootOffsetNanos(), 0};
  if (OffsetsAreKnown(daemons, own_offset)) return CompareClocks(daemons, own_offset);
  const auto& line = reinterpret_cast<const table::FixedPart*>(mapping.data())->state;
  const os::Deadline deadline(kHeartbeatPatience);
  for (;;) {
    const uint64_t beat = line.heartbeat_ns.load(std::memory_order_relaxed);
    const absl::optional<uint64_t> noted = lock::Seats::NotedTime(store);
    if (beat == 0 || !noted.has_value()) return Untold();
    daemons.unix_ahead_ns = static_cast<int64_t>(*noted - beat);
    absl::Status same = CompareClocks(daemons, OwnBootClock());
    if (same.ok() || deadline.Passed()) return same;
    absl::SleepFor(kHeartbeatPause);
  }
}

void NoteTime(const lock::Seats& seats, table::StateLine* line) {
  const int64_t unix_ahead_ns = os::UnixAheadOfBootNanos();
  const uint64_t now = os::BootNanos();
  seats.NoteTime(now + static_cast<uint64_t>(unix_ahead_ns));
  line->heartbeat_ns.store(now, std::memory_order_relaxed);
}

}  // namespace cubby::attach
