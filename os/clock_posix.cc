#include <ctime>

#include "os/clock.h"

namespace cubby::os {
namespace {

uint64_t Nanos(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t BootNanos() { return Nanos(CLOCK_BOOTTIME); }
uint64_t BootStepNanos() { return 0; }
uint64_t UnixNanos() { return Nanos(CLOCK_REALTIME); }

}  // namespace cubby::os
