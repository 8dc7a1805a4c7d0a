#include <windows.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lock/parking.h"
#include "os/errors.h"
#include "os/security_win.h"

namespace cubby::lock {

absl::StatusOr<Parking> Parking::Open(absl::string_view store) {
  const std::string name = os::ObjectName(store, ".wake");
  constexpr DWORD kRights = SYNCHRONIZE | EVENT_MODIFY_STATE;
  absl::StatusOr<os::Security> writers = os::Security::ForWritersOf(store, kRights);
  if (!writers.ok()) return writers.status();
  // Auto-reset: it remembers one wake-up until one sleeper takes it.
  const HANDLE event = CreateEventExA(writers->attributes(), name.c_str(), 0, kRights);
  if (event == nullptr) return os::LastError(absl::StrCat("cannot open the event ", name));
  return Parking(reinterpret_cast<intptr_t>(event));
}

Parking::Parking(Parking&& other) noexcept : event_(std::exchange(other.event_, 0)) {}

Parking::~Parking() {
  if (event_ != 0) CloseHandle(reinterpret_cast<HANDLE>(event_));
}

void Parking::Wait(const std::atomic<uint64_t>& word, uint64_t expected,
                   absl::Duration timeout) const {
  // A wake-up between this look and the sleep is not lost: the event remembers it.
  if (static_cast<uint32_t>(word.load(std::memory_order_relaxed)) !=
      static_cast<uint32_t>(expected)) {
    return;
  }
  // Rounded up, or a short wait would be none. Capped well below INFINITE.
  const absl::Duration sleep = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24));
  WaitForSingleObject(
      reinterpret_cast<HANDLE>(event_),
      static_cast<DWORD>(absl::ToInt64Milliseconds(absl::Ceil(sleep, absl::Milliseconds(1)))));
}

void Parking::WakeOne(const std::atomic<uint64_t>& /*word*/) const {
  SetEvent(reinterpret_cast<HANDLE>(event_));
}

}  // namespace cubby::lock
