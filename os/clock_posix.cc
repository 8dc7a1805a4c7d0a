#include <fcntl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "absl/strings/string_view.h"
#include "os/clock.h"
#include "os/descriptor_posix.h"

namespace cubby::os {
namespace {

uint64_t Nanos(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

constexpr int kMostReadings = 100;
constexpr uint64_t kSharpReadingNanos = 10'000;
constexpr int64_t kMilli = 1'000'000;

// Returns how far `clock` is ahead of `from`, to a millisecond: far more than two readings differ
// by, so that processes find the same number, but for one that lies between two milliseconds.
int64_t RoundedDistance(clockid_t clock, clockid_t from) {
  // The process may be interrupted between two readings: the sharpest of some counts.
  int64_t ahead = 0;
  uint64_t best = UINT64_MAX;
  for (int reading = 0; reading < kMostReadings && best > kSharpReadingNanos; ++reading) {
    const uint64_t before = Nanos(from);
    const uint64_t between = Nanos(clock);
    const uint64_t took = Nanos(from) - before;
    if (took >= best) continue;
    best = took;
    ahead = static_cast<int64_t>(between - before - took / 2);
  }
  const int64_t halves = ahead + (ahead < 0 ? -kMilli / 2 : kMilli / 2);
  return halves - halves % kMilli;
}

// Reads how far the wall clock is ahead of the monotonic one, exactly: the kernel sets both coarse
// clocks at the same moment, once in a tick. False if the monotonic one never stands still.
bool ReadCoarseDistance(int64_t* ahead) {
  for (int reading = 0; reading < kMostReadings; ++reading) {
    const uint64_t before = Nanos(CLOCK_MONOTONIC_COARSE);
    const uint64_t unix_ns = Nanos(CLOCK_REALTIME_COARSE);
    if (Nanos(CLOCK_MONOTONIC_COARSE) != before) continue;
    *ahead = static_cast<int64_t>(unix_ns - before);
    return true;
  }
  return false;
}

constexpr auto kProcMagic = 0x9fa0;  // PROC_SUPER_MAGIC of <linux/magic.h>

// Returns the text that a symbolic link holds; empty, and errno set, if it cannot be read.
absl::string_view ReadLink(int dir, const char* name, char (&text)[64]) {
  const ssize_t bytes = readlinkat(dir, name, text, sizeof(text));
  return bytes < 0 ? absl::string_view() : absl::string_view(text, static_cast<size_t>(bytes));
}

int64_t ReadBootOffset() {
  // Something else may be mounted on /proc, or a /proc in which this process does not appear.
  const Descriptor namespaces(open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs system;
  if (!namespaces.valid() || fstatfs(namespaces.get(), &system) != 0 ||
      system.f_type != kProcMagic) {
    return kUnknownBootOffset;
  }
  char own[64];
  char childrens[64];
  const absl::string_view name = ReadLink(namespaces.get(), "time", own);
  // A kernel without time namespaces has no such link.
  if (name.empty()) return errno == ENOENT ? 0 : kUnknownBootOffset;
  // The machine's own time namespace, by the number that Linux gives it always
  // (PROC_TIME_INIT_INO).
  if (name == "time:[4026531834]") return 0;
  // What the kernel tells is the offset of the namespace that children will be in.
  if (name != ReadLink(namespaces.get(), "time_for_children", childrens)) return kUnknownBootOffset;
  const Descriptor offsets(open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC));
  char text[256] = {};
  if (!offsets.valid() || read(offsets.get(), text, sizeof(text) - 1) <= 0) {
    return kUnknownBootOffset;
  }
  const char* const boot = std::strstr(text, "boottime");
  long long seconds = 0;
  long long nanos = 0;
  if (boot == nullptr || std::sscanf(boot, "boottime %lld %lld", &seconds, &nanos) != 2) {
    return kUnknownBootOffset;
  }
  return seconds * 1'000'000'000 + nanos;
}

// Memory that is zeros again in a fork's child, which may be in another namespace.
struct CachedOffset {
  std::atomic<int64_t> nanos;
  std::atomic<bool> known;
};
CachedOffset* MapCachedOffset() {
  void* const page = mmap(nullptr, sizeof(CachedOffset), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (madvise(page, sizeof(CachedOffset), MADV_WIPEONFORK) != 0) {
    munmap(page, sizeof(CachedOffset));
    return nullptr;
  }
  return static_cast<CachedOffset*>(page);
}

}  // namespace

int64_t BootOffsetNanos() {
  static CachedOffset* const cached = MapCachedOffset();
  if (cached == nullptr) return ReadBootOffset();
  if (!cached->known.load(std::memory_order_acquire)) {
    cached->nanos.store(ReadBootOffset(), std::memory_order_relaxed);
    // Release: publishes the offset to the process's other threads.
    cached->known.store(true, std::memory_order_release);
  }
  return cached->nanos.load(std::memory_order_relaxed);
}

uint64_t BootNanos() { return Nanos(CLOCK_BOOTTIME); }
uint64_t BootStepNanos() { return 0; }
uint64_t UnixNanos() { return Nanos(CLOCK_REALTIME); }

int64_t UnixAheadOfBootNanos() {
  int64_t ahead_of_monotonic;
  if (!ReadCoarseDistance(&ahead_of_monotonic)) {
    ahead_of_monotonic = RoundedDistance(CLOCK_REALTIME, CLOCK_MONOTONIC);
  }
  // The time asleep, and what a time namespace adds to one of the two. There is no coarse boot
  // clock. For a machine that was never asleep, rounding gives the exact 0.
  return ahead_of_monotonic - RoundedDistance(CLOCK_BOOTTIME, CLOCK_MONOTONIC);
}

}  // namespace cubby::os
