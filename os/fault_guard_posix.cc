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

struct Range {
  uintptr_t begin = 0;  // 0: none
  uintptr_t end = 0;
  std::atomic<bool>* tripped = nullptr;
};

// A guarded range of pages. Entries are used again but never freed, since the handler may read any
// of them at any time.
class Entry {
 public:
  explicit Entry(Entry* next) : next_(next) {}

  // One thread at a time.
  void Set(const Range& range) {
    const uint32_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    begin_.store(range.begin, std::memory_order_relaxed);
    end_.store(range.end, std::memory_order_relaxed);
    tripped_.store(range.tripped, std::memory_order_relaxed);
    sequence_.store(sequence + 2, std::memory_order_release);
  }
  // Returns no range if the entry changes meanwhile: its guard is being made or destroyed then, so
  // it is not the guard of memory that the caller is using.
  Range Get() const {
    const uint32_t sequence = sequence_.load(std::memory_order_acquire);
    const Range range = {begin_.load(std::memory_order_relaxed),
                         end_.load(std::memory_order_relaxed),
                         tripped_.load(std::memory_order_relaxed)};
    std::atomic_thread_fence(std::memory_order_acquire);
    const bool whole = sequence % 2 == 0 && sequence_.load(std::memory_order_relaxed) == sequence;
    return whole ? range : Range();
  }
  Entry* next() const { return next_; }

 private:
  std::atomic<uint32_t> sequence_{0};  // odd: Set() is under way
  std::atomic<uintptr_t> begin_{0};
  std::atomic<uintptr_t> end_{0};
  std::atomic<std::atomic<bool>*> tripped_{nullptr};
  Entry* const next_;
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
  for (const Entry* entry = entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next()) {
    // If the address lies inside, the guard lives: it outlives every use of its memory.
    const Range range = entry->Get();
    if (range.begin == 0 || address < range.begin || address >= range.end) continue;
    const uintptr_t page = address & ~(page_bytes - 1);
    // Not mmap(): ThreadSanitizer takes that for a write to all of the pages, a race with threads
    // that use them, whose reads and writes have lost their meaning.
    if (syscall(SYS_mmap, page, range.end - page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == -1) {
      return false;
    }
    // As the mapping that they are in place of: a writer may be about to put a value there.
    syscall(SYS_madvise, page, range.end - page, MADV_DONTDUMP);
    range.tripped->store(true, std::memory_order_relaxed);
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
       entry = entry->next()) {
    if (entry->Get().begin == 0) return entry;
  }
  auto* entry = new Entry(entries.load(std::memory_order_relaxed));
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
    entry->Set({begin, (begin + bytes + page_bytes - 1) & ~(page_bytes - 1), tripped});
  }
  ~Impl() {
    std::lock_guard<std::mutex> gate(Gate());
    entry->Set(Range());
  }

  Entry* entry;
};

FaultGuard::FaultGuard(char* data, size_t bytes) {
  InstallOnce();
  // The kernel ends a process whose thread faults with the signal blocked. A mask outlives exec:
  // some launchers leave theirs.
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
  impl_ = std::make_unique<Impl>(data, bytes, &tripped_);
}
FaultGuard::~FaultGuard() = default;

}  // namespace cubby::os
