#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tests/torture/process_meter.h"

namespace cubby::test {

uint64_t ThreadCpuNanos() {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

absl::optional<uint64_t> OwnBytes([[maybe_unused]] uint64_t pid) {
#if defined(__SANITIZE_ADDRESS__)
  return absl::nullopt;
#else
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  uint64_t size = 0, resident = 0, shared = 0;
  if (!(file >> size >> resident >> shared)) return absl::nullopt;
  return (resident - shared) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
#endif
}

absl::optional<uint64_t> OpenHandles(uint64_t pid) {
  std::error_code error;
  const std::filesystem::directory_iterator listing(absl::StrCat("/proc/", pid, "/fd"), error);
  if (error) return absl::nullopt;
  return static_cast<uint64_t>(std::distance(begin(listing), end(listing)));
}

}  // namespace cubby::test
