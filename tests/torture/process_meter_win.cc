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

absl::optional<uint64_t> OpenHandles(uint64_t pid) {
  const HANDLE process =
      OpenProcess(PROCESS_QUERY_INFORMATION, /*bInheritHandle=*/FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return absl::nullopt;
  DWORD handles = 0;
  const BOOL told = GetProcessHandleCount(process, &handles);
  CloseHandle(process);
  // Wine has none to tell of.
  if (!told || handles == 0) return absl::nullopt;
  return handles;
}

}  // namespace cubby::test
