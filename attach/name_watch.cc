#include "attach/name_watch.h"

#include <algorithm>

#include "os/clock.h"

namespace cubby::attach {
namespace {

// A look takes 0.3 us. After each so many looks half as many writes look, until one in
// 2^kMostHalvings does: some 1 ns of each write.
constexpr uint32_t kLooksBetweenHalvings = 16;
constexpr uint32_t kMostHalvings = 8;
// The daemon beats once a second, unless the machine is loaded.
constexpr uint64_t kDaemonGoneNanos = 2'500'000'000;
// A look at every write would double the time of a put. The removal of a name takes about as long.
constexpr uint64_t kLookEveryNanos = 10'000;

}  // namespace

bool NameWatch::Look(uint64_t beat, const os::Mapping& mapping) {
  looks_ = beat == beat_ ? std::min(looks_ + 1, kLooksBetweenHalvings * kMostHalvings) : 0;
  beat_ = beat;
  writes_left_ = (1u << looks_ / kLooksBetweenHalvings) - 1;
  // Made without a daemon: a benchmark's, which keeps no names.
  if (beat == 0) return false;
  const uint64_t now = os::BootNanos();
  if (now - beat >= kDaemonGoneNanos) {
    writes_left_ = 0;
    if (now - looked_ns_ < kLookEveryNanos) return false;
  }
  looked_ns_ = now;
  return mapping.Orphaned();
}

}  // namespace cubby::attach
