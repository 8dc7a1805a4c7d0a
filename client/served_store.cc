#include "client/served_store.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "attach/store_clock.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "os/fault_guard.h"
#include "os/mapping.h"
#include "os/user.h"
#include "table/geometry.h"
#include "table/layout.h"

namespace cubby {
namespace {

// For a message: "0s", "0.3s", "2h5m".
std::string Rounded(absl::Duration duration) {
  if (duration < absl::Milliseconds(100)) return "0s";  // absl::FormatDuration() has no unit for it
  return absl::FormatDuration(absl::Trunc(
      duration, duration < absl::Seconds(10) ? absl::Milliseconds(100) : absl::Seconds(1)));
}

}  // namespace

absl::StatusOr<ServedStore> LookAtStore(absl::string_view store) {
  ASSIGN_OR_RETURN(const os::Mapping mapping,
                   os::Mapping::Open(store, os::Access::kReadOnly, table::kHeaderBytes));
  // It may be shortened at any time.
  const os::FaultGuard guard(mapping.data(), mapping.size());
  ServedStore served = {"", mapping.owner(),         mapping.OwnedByCaller(), absl::OkStatus(),
                        0,  absl::InfiniteDuration()};
  if (mapping.size() < table::kHeaderBytes) return served;
  const auto& fixed = *reinterpret_cast<const table::FixedPart*>(mapping.data());
  // As in table::ReadGeometry().
  if (fixed.header.magic.load(std::memory_order_acquire) == 0 &&
      fixed.state.daemon_pid.load(std::memory_order_relaxed) == 0 && !guard.tripped()) {
    return absl::UnavailableError(
        absl::StrCat("store '", store,
                     "' is half made: its cubbyd is still creating it, or died "
                     "doing so: try again, or restart cubbyd"));
  }
  served.instance = table::InstanceIn(mapping.data(), mapping.size());
  if (served.instance.empty()) return served;
  // Reads the header alone, which is not more than what is mapped.
  const absl::StatusOr<table::Geometry> geometry =
      table::ReadGeometry(mapping.data(), fixed.header.total_bytes);
  if (geometry.ok()) served.clock = attach::CheckClock(store, mapping, *geometry);
  served.daemon_pid = fixed.state.daemon_pid.load(std::memory_order_relaxed);
  const uint64_t beat = fixed.state.heartbeat_ns.load(std::memory_order_relaxed);
  const uint64_t now = os::BootNanos();
  if (beat != 0 && served.clock.ok()) {
    served.since_heartbeat = absl::Nanoseconds(static_cast<int64_t>(now - std::min(beat, now)));
  }
  return served;
}

absl::Status WhyUnreachable(absl::string_view store, const absl::Status& met) {
  RETURN_IF_ERROR(os::CheckCaller());
  const absl::StatusOr<ServedStore> served = LookAtStore(store);
  if (absl::IsUnavailable(served.status())) return served.status();
  if (absl::IsPermissionDenied(served.status())) {
    return absl::PermissionDeniedError(absl::StrCat(
        "store '", store,
        "' is another user's, and only that user may ask its daemon: ", served.status().message()));
  }
  if (!served.ok()) return met;
  const std::string beat =
      served->since_heartbeat == absl::InfiniteDuration()
          ? ""
          : absl::StrCat("process ", served->daemon_pid, " of user ", served->owner,
                         " served the store ", Rounded(served->since_heartbeat), " ago");
  if (!served->own) {
    return absl::PermissionDeniedError(
        absl::StrCat("store '", store, "' is served by user ", served->owner,
                     ", and only that user may ask its daemon: run cubby as that user",
                     beat.empty() ? "" : "; ", beat));
  }
  if (beat.empty() || served->since_heartbeat > kHeartbeatPatience) return met;
  return absl::Status(met.code(), absl::StrCat(met.message(), "; ", beat));
}

}  // namespace cubby
