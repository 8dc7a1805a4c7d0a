#include <windows.h>

#include <algorithm>

#include "os/wait.h"

namespace cubby::os {

void WaitWhile(const std::atomic<uint64_t>& word, uint64_t expected, absl::Duration timeout) {
  if (static_cast<uint32_t>(word.load(std::memory_order_relaxed)) !=
      static_cast<uint32_t>(expected)) {
    return;
  }
  // Rounded up, or a short wait would be none.
  const absl::Duration sleep = absl::Ceil(
      std::clamp(timeout, absl::ZeroDuration(), absl::Milliseconds(10)), absl::Milliseconds(1));
  Sleep(static_cast<DWORD>(absl::ToInt64Milliseconds(sleep)));
}

void WakeWaiters(const std::atomic<uint64_t>& /*word*/, int /*count*/) {}

}  // namespace cubby::os
