#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

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

struct Parking::Impl {};

Parking::Parking(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Parking::Parking(Parking&& other) noexcept = default;
Parking::~Parking() = default;

absl::StatusOr<Parking> Parking::Open(absl::string_view) { return Parking(nullptr); }

void Parking::Wait(const std::atomic<uint64_t>& word, uint64_t expected,
                   absl::Duration timeout) const {
  const struct timespec relative = absl::ToTimespec(timeout);
  // After every outcome (woken, timed out, changed meanwhile, interrupted) the caller loads the
  // word again.
  Futex(word, FUTEX_WAIT, static_cast<uint32_t>(expected), &relative);
}

void Parking::WakeOne(const std::atomic<uint64_t>& word) const {
  Futex(word, FUTEX_WAKE, 1, nullptr);
}

}  // namespace cubby::lock
