// Lets a process survive the truncation of a file that it has mapped (Linux). A process that may
// write a store's mapping may also shorten its file; an access beyond the new end then raises
// SIGBUS, which ends the accessing process. Under a guard the missing page is replaced by a private
// page of zeros, and tripped() returns true from then on: nothing that was or will be read can be
// trusted, and the caller should close the mapping.
//
//   FaultGuard guard(mapping.data(), mapping.size());
//   ... read the mapping ...
//   if (guard.tripped()) return absl::UnavailableError(...);
//
// The first guard of a process installs a handler for SIGBUS, which stays installed. It passes
// faults outside guarded memory on to the handler that was there before, so a program that has one
// should install it first. On Windows a section cannot shrink, and a guard never trips.
//
// Safe from many threads; a fork's child keeps its copies of the guards.
#ifndef CUBBY_OS_FAULT_GUARD_H_
#define CUBBY_OS_FAULT_GUARD_H_

#include <atomic>
#include <cstddef>
#include <memory>

namespace cubby::os {

class FaultGuard {
 public:
  // Guards the pages that contain [data, data + bytes). REQUIRES: they stay mapped while this
  // lives. Unblocks SIGBUS for the calling thread and so for those that it starts afterwards.
  FaultGuard(char* data, size_t bytes);
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  // True once a page was found to be missing.
  bool tripped() const { return tripped_.load(std::memory_order_relaxed); }

 private:
  struct Impl;
  std::atomic<bool> tripped_{false};
  std::unique_ptr<Impl> impl_;  // null on Windows: nothing to guard against
};

}  // namespace cubby::os

#endif  // CUBBY_OS_FAULT_GUARD_H_
