// The bytes of a mapping that the writer lock owns; table/layout.h places them.
#ifndef CUBBY_LOCK_LOCK_WORDS_H_
#define CUBBY_LOCK_LOCK_WORDS_H_

#include <atomic>
#include <cstdint>

namespace cubby::lock {

// Seats 0 .. kMaxWriters-1 are for writers, the daemon among them.
inline constexpr uint32_t kMaxWriters = 1024;

// The lock's words in the mapping. All zero: a free lock.
struct LockWords {
  std::atomic<uint64_t> word;
  std::atomic<uint64_t> takeovers;  // how often a writer took the lock over from a killed owner
};
struct IncarnationTable {
  std::atomic<uint32_t> of_seat[kMaxWriters];
};

}  // namespace cubby::lock

#endif  // CUBBY_LOCK_LOCK_WORDS_H_
