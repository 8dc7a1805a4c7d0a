#include <windows.h>

#include "tests/torture/process_meter.h"

namespace cubby::test {

uint64_t ThreadCpuNanos() {
  FILETIME created, exited, kernel, user;
  GetThreadTimes(GetCurrentThread(), &created, &exited, &kernel, &user);
  const auto units = [](const FILETIME& time) {
    return uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
  };
  return (units(kernel) + units(user)) * 100;
}

absl::optional<uint64_t> OwnBytes(uint64_t) { return absl::nullopt; }

}  // namespace cubby::test
