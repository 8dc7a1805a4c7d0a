// Lets a process outlive the truncation of a file that it has mapped (Linux). Whoever may write a
// store's mapping may also shorten it, and then a look at what is gone raises SIGBUS, which ends
// the looker. Under a guard the missing page is replaced by one of zeros that only this process
// has, and the guard says so from then on: what was read, or will be, is worth nothing, and the
// mapping is to be closed.
//
//   FaultGuard guard(mapping.data(), mapping.size());
//   ... read the mapping ...
//   if (guard.tripped()) return absl::UnavailableError(...);
//
// The first guard of a process installs a handler for SIGBUS, which stays. It passes on every fault
// outside guarded memory to the handler that was there before, so a program that has one should
// install it first. On Windows a section cannot shrink, and a guard never trips.
//
// Safe from many threads; a fork's child keeps its copies of the guards.
#ifndef CUBBY_OS_FAULT_GUARD_H_
#define CUBBY_OS_FAULT_GUARD_H_

#include <atomic>
#include <cstddef>

namespace cubby::os {

class FaultGuard {
 public:
  // Guards the pages that [data, data + bytes) lies on. They stay mapped while this lives.
  FaultGuard(char* data, size_t bytes);
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;

  // True once a page was found to be missing.
  bool tripped() const { return tripped_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> tripped_{false};
  [[maybe_unused]] void* entry_ = nullptr;  // Linux: where the handler finds this
};

}  // namespace cubby::os

#endif  // CUBBY_OS_FAULT_GUARD_H_
