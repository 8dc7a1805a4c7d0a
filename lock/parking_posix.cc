#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lock/parking.h"

namespace cubby::lock {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the low half must be at the word's address");

long Futex(const std::atomic<uint64_t>& word, int operation, uint32_t value,
           const struct timespec* timeout) {
  // Not FUTEX_PRIVATE_FLAG: sleepers and wakers are in different processes.
  return syscall(SYS_futex, &word, operation, value, timeout, nullptr, 0);
}

}  // namespace

absl::StatusOr<Parking> Parking::Open(absl::string_view) { return Parking(0); }
Parking::Parking(Parking&& other) noexcept : event_(other.event_) {}
Parking::~Parking() = default;

void Parking::Wait(const std::atomic<uint64_t>& word, uint64_t expected,
                   absl::Duration timeout) const {
  const struct timespec relative = absl::ToTimespec(timeout);
  // Every outcome (woken, timed out, changed meanwhile, interrupted) sends the caller to look at
  // the word again.
  Futex(word, FUTEX_WAIT, static_cast<uint32_t>(expected), &relative);
}

void Parking::WakeOne(const std::atomic<uint64_t>& word) const {
  Futex(word, FUTEX_WAKE, 1, nullptr);
}

}  // namespace cubby::lock
