#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>

#include "os/fault_guard.h"

namespace cubby::os {
namespace {

// A guarded range of pages. Entries are used again but never freed, since the handler may read any
// of them at any time. It follows `tripped` only if the faulting address lies inside; the guard
// lives then, for it outlives every use of its memory.
struct Entry {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  std::atomic<std::atomic<bool>*> tripped{nullptr};
  Entry* next = nullptr;
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free, "the handler may not wait");

std::atomic<Entry*> entries{nullptr};
std::mutex& Gate() {
  static std::mutex* gate = new std::mutex;  // never destroyed: guards may outlive main
  return *gate;
}
struct sigaction previous;
uintptr_t page_bytes;

// Puts zeros in place of the missing pages: the page of `address` and the rest of its guarded
// range, for what lies behind a missing page is missing too. Returns false if the address is not
// guarded.
bool FillIn(uintptr_t address) {
  for (Entry* entry = entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    // Acquire: pairs with the constructor's release, so `end` and `tripped` are this guard's.
    const uintptr_t begin = entry->begin.load(std::memory_order_acquire);
    const uintptr_t end = entry->end.load(std::memory_order_relaxed);
    if (begin == 0 || address < begin || address >= end) continue;
    const uintptr_t page = address & ~(page_bytes - 1);
    // Not mmap(): ThreadSanitizer takes that for a write to all of the pages, a race with threads
    // that use them, whose reads and writes have lost their meaning.
    if (syscall(SYS_mmap, page, end - page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == -1) {
      return false;
    }
    entry->tripped.load(std::memory_order_relaxed)->store(true, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void OnBusError(int signal_number, siginfo_t* info, void* context) {
  const int error = errno;
  const bool fault = info->si_code > 0;  // not sent by a process
  if (fault && FillIn(reinterpret_cast<uintptr_t>(info->si_addr))) {
    errno = error;
    return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal_number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal_number);
  } else if (fault || previous.sa_handler == SIG_DFL) {
    // As if there were no handler: the fault happens again, and a signal that was sent is sent
    // again.
    signal(SIGBUS, SIG_DFL);
    if (!fault) raise(SIGBUS);
  }
  errno = error;
}

void InstallOnce() {
  [[maybe_unused]] static const bool installed = [] {
    page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return sigaction(SIGBUS, &action, &previous) == 0;
  }();
}

Entry* FreeEntry() {
  for (Entry* entry = entries.load(std::memory_order_relaxed); entry != nullptr;
       entry = entry->next) {
    if (entry->begin.load(std::memory_order_relaxed) == 0) return entry;
  }
  auto* entry = new Entry;
  entry->next = entries.load(std::memory_order_relaxed);
  // Release: the handler, which loads it with acquire, finds its fields.
  entries.store(entry, std::memory_order_release);
  return entry;
}

}  // namespace

// The guard's entry in the list that the handler searches.
struct FaultGuard::Impl {
  Impl(char* data, size_t bytes, std::atomic<bool>* tripped) {
    std::lock_guard<std::mutex> gate(Gate());
    entry = FreeEntry();
    const auto begin = reinterpret_cast<uintptr_t>(data);
    entry->end.store((begin + bytes + page_bytes - 1) & ~(page_bytes - 1),
                     std::memory_order_relaxed);
    entry->tripped.store(tripped, std::memory_order_relaxed);
    entry->begin.store(begin, std::memory_order_release);
  }
  ~Impl() {
    std::lock_guard<std::mutex> gate(Gate());
    entry->begin.store(0, std::memory_order_release);
  }

  Entry* entry;
};

FaultGuard::FaultGuard(char* data, size_t bytes) {
  InstallOnce();
  impl_ = std::make_unique<Impl>(data, bytes, &tripped_);
}
FaultGuard::~FaultGuard() = default;

}  // namespace cubby::os
