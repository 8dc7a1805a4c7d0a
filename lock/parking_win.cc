#include <windows.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "lock/parking.h"
#include "os/errors.h"
#include "os/security_win.h"

namespace cubby::lock {

struct Parking::Impl {
  explicit Impl(HANDLE event) : event(event) {}
  ~Impl() { CloseHandle(event); }

  const HANDLE event;
};

Parking::Parking(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Parking::Parking(Parking&& other) noexcept = default;
Parking::~Parking() = default;

absl::StatusOr<Parking> Parking::Open(absl::string_view store) {
  const std::string name = os::ObjectName(store, ".wake");
  constexpr DWORD kRights = SYNCHRONIZE | EVENT_MODIFY_STATE;
  ASSIGN_OR_RETURN(os::Security writers, os::Security::ForWritersOf(store, kRights));
  // Auto-reset: it remembers one wake-up until one sleeper takes it.
  const HANDLE event = CreateEventExA(writers.attributes(), name.c_str(), 0, kRights);
  if (event == nullptr) return os::LastError(absl::StrCat("cannot open the event ", name));
  return Parking(std::make_unique<Impl>(event));
}

void Parking::Wait(const std::atomic<uint64_t>& word, uint64_t expected,
                   absl::Duration timeout) const {
  // A wake-up between this load and the sleep is not lost: the event remembers it.
  if (static_cast<uint32_t>(word.load(std::memory_order_relaxed)) !=
      static_cast<uint32_t>(expected)) {
    return;
  }
  // Rounded up, or a short wait would be none. Capped well below INFINITE.
  const absl::Duration sleep = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24));
  WaitForSingleObject(
      impl_->event,
      static_cast<DWORD>(absl::ToInt64Milliseconds(absl::Ceil(sleep, absl::Milliseconds(1)))));
}

void Parking::WakeOne(const std::atomic<uint64_t>& /*word*/) const { SetEvent(impl_->event); }

}  // namespace cubby::lock
