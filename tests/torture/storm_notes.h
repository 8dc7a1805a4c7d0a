// What the writers of a kill storm (kill_storm_test.cc) note of their operations, and what the
// store must hold by these notes.
//
// Each writer has keys of its own. Before each operation it notes in `begun` what it is about to do
// to the key, and in `done`, after the call has returned, that it has. Killed at any moment, it
// leaves each key as one of the two notes says. All writers write the common keys too; of these
// nothing is noted.
#ifndef CUBBY_TESTS_TORTURE_STORM_NOTES_H_
#define CUBBY_TESTS_TORTURE_STORM_NOTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/store.h"

namespace cubby::test {

inline constexpr int kWriters = 4;
inline constexpr int kOwnKeys = 16;  // of each writer
inline constexpr int kCommonKeys = 64;
inline constexpr size_t kMaxStormValue = 1500;  // about half of the values go to extents

// A note is [ number : 63 | deleted : 1 ]: the number of the value put, or of the operation that
// deletes. 0: nothing yet.
inline constexpr uint64_t kDeleted = 1;

// The lock's word has the owner's seat in these bits (docs/layout.md).
inline constexpr uint64_t kSeatBits = 0x7fff;

struct WriterNotes {
  std::atomic<uint64_t> next_number[kOwnKeys];
  std::atomic<uint64_t> begun[kOwnKeys];
  std::atomic<uint64_t> done[kOwnKeys];
  std::atomic<uint64_t> seat;  // kSeatBits of the lock's word while this writer has it; 0: unknown
};

// In shared memory (tests/support/shared.h), zeros at first.
struct StormNotes {
  WriterNotes writers[kWriters];
};

std::string OwnKey(int writer, int i);
std::string CommonKey(uint64_t i);

// Asserts that each key of writer `writer`, whose process has ended, is as one of its two notes
// says. From then on both notes say that: what was seen once must stay.
void CheckKeys(const Store& store, int writer, WriterNotes* notes);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_TORTURE_STORM_NOTES_H_
