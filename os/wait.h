// Sleep until a word in shared memory changes: a futex on Linux.
#ifndef CUBBY_OS_WAIT_H_
#define CUBBY_OS_WAIT_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace cubby::os {

// Sleeps while the low half of *word equals the low half of `expected`, until a WakeWaiters() of a
// process that has the same memory mapped, or for `timeout`. May return early. On Windows, where no
// such call reaches other processes, it sleeps for 10 ms at most, and for a step of the system's
// timer at least.
void WaitWhile(const std::atomic<uint64_t>& word, uint64_t expected, absl::Duration timeout);
// Wakes up to `count` threads that sleep on *word. Does nothing on Windows.
void WakeWaiters(const std::atomic<uint64_t>& word, int count);

// Of a word [ count of events : 63 | a process may sleep : 1 ]: adds 1 to the count and clears the
// bit, which it returns. Sequentially consistent, as the sleeper's accesses must be: it loads the
// word, looks for the event, sets the bit, and sleeps while the word is what it loaded with the bit
// set. Then either it sees the new count, or this call sees the bit.
inline bool RaiseCount(std::atomic<uint64_t>& word) {
  uint64_t before = word.load(std::memory_order_relaxed);
  while (!word.compare_exchange_weak(before, (before | 1) + 1)) {
  }
  return (before & 1) != 0;
}

}  // namespace cubby::os

#endif  // CUBBY_OS_WAIT_H_
