#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/wait.h"

namespace cubby::os {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the low half must be at the word's address");

long Futex(const std::atomic<uint64_t>& word, int operation, uint32_t value,
           const struct timespec* timeout) {
  // Not FUTEX_PRIVATE_FLAG: sleepers and wakers are in different processes.
  return syscall(SYS_futex, &word, operation, value, timeout, nullptr, 0);
}

}  // namespace

void WaitWhile(const std::atomic<uint64_t>& word, uint64_t expected, absl::Duration timeout) {
  const struct timespec relative = absl::ToTimespec(timeout);
  // After every outcome (woken, timed out, changed meanwhile, interrupted) the caller loads the
  // word again.
  Futex(word, FUTEX_WAIT, static_cast<uint32_t>(expected), &relative);
}

void WakeWaiters(const std::atomic<uint64_t>& word, int count) {
  Futex(word, FUTEX_WAKE, static_cast<uint32_t>(count), nullptr);
}

}  // namespace cubby::os
