#include "lock/writer_lock.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "os/process.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cubby::lock {
namespace {

constexpr uint64_t kSeatMask = 0x7fff;
constexpr uint64_t kWaiters = 0x8000;
constexpr uint64_t kReservedMask = 0xffff0000;

// A put holds the lock for some 100 ns, and a batch for some microseconds, so the owner of a lock
// that is not free after this many loads, some 10 us, sleeps or is gone.
constexpr int kLoads = 25;
// Each load takes the word's cache line from the owner, which needs it to release the lock.
// (Measured with two writers that put without a pause: together 2.6 million puts a second with one
// pause after each of 200 loads, 3.0 million with 8 after each of 25; the same with four writers.)
constexpr int kPausesPerLoad = 8;
// Much longer than a put, much shorter than the promised takeover time (20 ms on Linux, 100 ms on
// Windows).
constexpr absl::Duration kProbeAfter = absl::Milliseconds(2);

uint64_t WordOf(uint32_t seat, uint32_t incarnation) {
  return uint64_t{incarnation} << 32 | (seat + 1);
}

absl::Status HeldByOthers(absl::Duration timeout) {
  return absl::DeadlineExceededError(absl::StrCat("other writers held the store's lock for all of ",
                                                  absl::FormatDuration(timeout),
                                                  ": try again, or allow more time"));
}

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

absl::StatusOr<std::unique_ptr<WriterLock>> WriterLock::Open(absl::string_view store,
                                                             std::unique_ptr<Seats> seats,
                                                             LockWords* words,
                                                             IncarnationTable* incarnations) {
  // A random first try finds a free seat at once unless most are held.
  const auto first = static_cast<uint32_t>(os::RandomBits() % kMaxWriters);
  for (uint32_t i = 0; i < kMaxWriters; ++i) {
    const uint32_t seat = (first + i) % kMaxWriters;
    ASSIGN_OR_RETURN(const bool claimed, seats->Claim(seat));
    if (!claimed) continue;
    auto is_held = [seats = std::move(seats)](uint32_t other) { return seats->IsHeld(other); };
    return OpenAt(store, seat, std::move(is_held), words, incarnations);
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("store '", store, "' already has ", kMaxWriters,
                   " writers, the limit: end programs that have it open for writing, or open it "
                   "read-only"));
}

absl::StatusOr<std::unique_ptr<WriterLock>> WriterLock::OpenAt(absl::string_view store,
                                                               uint32_t seat, IsHeld is_held,
                                                               LockWords* words,
                                                               IncarnationTable* incarnations) {
  ASSIGN_OR_RETURN(Parking parking, Parking::Open(store));
  const uint32_t incarnation =
      incarnations->of_seat[seat].fetch_add(1, std::memory_order_acq_rel) + 1;
  return std::unique_ptr<WriterLock>(new WriterLock(seat, incarnation, std::move(is_held),
                                                    std::move(parking), words, incarnations));
}

WriterLock::WriterLock(uint32_t seat, uint32_t incarnation, IsHeld is_held, Parking parking,
                       LockWords* words, IncarnationTable* incarnations)
    : words_(words),
      self_(WordOf(seat, incarnation)),
      forks_(fork_count.load(std::memory_order_relaxed)),
      seat_(seat),
      incarnations_(incarnations),
      parking_(std::move(parking)),
      is_held_(std::move(is_held)) {}

absl::Status WriterLock::Acquire(absl::Duration timeout) {
  if (fork_count.load(std::memory_order_relaxed) != forks_) {
    return absl::FailedPreconditionError(
        "the store was opened before fork: open it again in the child");
  }
  uint64_t free = 0;
  // Acquire: pairs with the release in Release(), so this writer sees all stores of the last one.
  if (words_->word.compare_exchange_strong(free, self_, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
    return absl::OkStatus();
  }
  return AcquireContended(timeout);
}

bool WriterLock::Spin(uint64_t mine) {
  for (int load = 0; load < kLoads; ++load) {
    uint64_t free = 0;
    if (words_->word.load(std::memory_order_relaxed) == 0 &&
        words_->word.compare_exchange_strong(free, mine, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
      return true;
    }
    for (int i = 0; i < kPausesPerLoad; ++i) Pause();
  }
  return false;
}

absl::Status WriterLock::AcquireContended(absl::Duration timeout) {
  if (Spin(self_)) return absl::OkStatus();
  const absl::Duration started = absl::Nanoseconds(os::BootNanos());
  uint64_t watched = 0;  // the last word seen, since `watched_since`
  absl::Duration watched_since = started;
  for (;;) {
    // Spins after each wake-up: a writer that puts without a pause would otherwise take the lock
    // first each time. Others may still sleep, so this one keeps the waiters bit: a needless
    // wake-up rather than a lost one.
    if (Spin(self_ | kWaiters)) return absl::OkStatus();
    const absl::Duration now = absl::Nanoseconds(os::BootNanos());
    const absl::Duration left = timeout - (now - started);
    const bool at_deadline = left <= absl::ZeroDuration();
    uint64_t word = words_->word.load(std::memory_order_relaxed);
    if (word == 0 ||
        ((word & kWaiters) == 0 &&
         !words_->word.compare_exchange_strong(word, word | kWaiters, std::memory_order_relaxed))) {
      if (at_deadline) return HeldByOthers(timeout);
      continue;  // it is changing owners
    }
    word |= kWaiters;
    if (word != watched) {
      watched = word;
      watched_since = now;
    }
    // At the deadline too, however short the timeout: DeadlineExceeded means that a live writer
    // owns the lock.
    if (at_deadline || now - watched_since >= kProbeAfter) {
      if (OwnerIsGone(word)) {
        // The exchange compares the owner's incarnation too, so one of many waiters takes over.
        // Acquire: the kernel released the seat after the killed owner's last store, so this writer
        // sees all its stores.
        if (words_->word.compare_exchange_strong(word, self_ | kWaiters, std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
          words_->takeovers.fetch_add(1, std::memory_order_relaxed);
          return absl::OkStatus();
        }
        // Another writer took it, or a hostile program goes on changing the word.
        if (at_deadline) return HeldByOthers(timeout);
        continue;
      }
      if (at_deadline) return HeldByOthers(timeout);
      watched_since = now;  // the owner lives: the next check is after another kProbeAfter
    }
    parking_.Wait(words_->word, word, left < kProbeAfter ? left : kProbeAfter);
  }
}

bool WriterLock::OwnerIsGone(uint64_t word) const {
  const uint64_t seat = (word & kSeatMask) - 1;
  // No writer stores such a word, so no live writer owns the lock.
  if (seat >= kMaxWriters || (word & kReservedMask) != 0) return true;
  const auto incarnation = static_cast<uint32_t>(word >> 32);
  if (seat == seat_) return incarnation != static_cast<uint32_t>(self_ >> 32);
  if (incarnations_->of_seat[seat].load(std::memory_order_acquire) != incarnation) return true;
  return !is_held_(static_cast<uint32_t>(seat));
}

void WriterLock::Release() {
  // Release: publishes this writer's stores to the next owner's acquire.
  const uint64_t word = words_->word.exchange(0, std::memory_order_release);
  if ((word & kWaiters) != 0) parking_.WakeOne(words_->word);
}

}  // namespace cubby::lock
