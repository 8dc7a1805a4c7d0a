#include "lock/writer_lock.h"

#include <utility>

#include "absl/strings/str_cat.h"
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

// A put holds the lock for some 100 ns, and many at once for some microseconds, so a lock that is
// not free after this many looks, some 10 us, has a sleeping or dead owner.
constexpr int kLooks = 25;
// Each look takes the lock's line away from its owner, who needs it to let go. (Measured, two who
// put without a pause, together: 2.6 million puts a second with one pause in 200 looks each, 3.0
// with 8 in 25; four the same.)
constexpr int kPausesPerLook = 8;
// Long against a put, short against the promised takeover time (20 ms on Linux, 100 ms on Windows).
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
  absl::StatusOr<Parking> parking = Parking::Open(store);
  if (!parking.ok()) return parking.status();
  // A random first try finds a free seat at once unless most are taken.
  const auto first = static_cast<uint32_t>(os::RandomBits() % kMaxWriters);
  for (uint32_t i = 0; i < kMaxWriters; ++i) {
    const uint32_t seat = (first + i) % kMaxWriters;
    absl::StatusOr<bool> claimed = seats->Claim(seat);
    if (!claimed.ok()) return claimed.status();
    if (!*claimed) continue;
    const uint32_t incarnation =
        incarnations->of_seat[seat].fetch_add(1, std::memory_order_acq_rel) + 1;
    return std::unique_ptr<WriterLock>(new WriterLock(std::move(seats), *std::move(parking), words,
                                                      incarnations, seat, incarnation));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("store '", store, "' already has ", kMaxWriters,
                   " writers, the limit: close some, or open read-only"));
}

WriterLock::WriterLock(std::unique_ptr<Seats> seats, Parking parking, LockWords* words,
                       IncarnationTable* incarnations, uint32_t seat, uint32_t incarnation)
    : seats_(std::move(seats)),
      parking_(std::move(parking)),
      words_(words),
      incarnations_(incarnations),
      seat_(seat),
      self_(WordOf(seat, incarnation)) {}

absl::Status WriterLock::Acquire(absl::Duration timeout) {
  if (seats_->forked()) {
    return absl::FailedPreconditionError(
        "the store was opened before fork: open it again in the child");
  }
  uint64_t free = 0;
  // Acquire: pairs with the release in Release(), so this writer sees all that the last one wrote.
  if (words_->word.compare_exchange_strong(free, self_, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
    return absl::OkStatus();
  }
  return AcquireContended(timeout);
}

bool WriterLock::Spin(uint64_t mine) {
  for (int look = 0; look < kLooks; ++look) {
    uint64_t free = 0;
    if (words_->word.load(std::memory_order_relaxed) == 0 &&
        words_->word.compare_exchange_strong(free, mine, std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
      return true;
    }
    for (int i = 0; i < kPausesPerLook; ++i) Pause();
  }
  return false;
}

absl::Status WriterLock::AcquireContended(absl::Duration timeout) {
  if (Spin(self_)) return absl::OkStatus();
  const absl::Duration started = absl::Nanoseconds(os::BootNanos());
  uint64_t watched = 0;  // the word as it was when the sleep that is to prove it stuck began
  absl::Duration watched_since = started;
  for (;;) {
    // A writer that puts without a pause would else be there first each time the woken one arrives.
    // Others may be asleep still, so the woken keeps the waiters bit: one needless wake-up against
    // a lost one.
    if (Spin(self_ | kWaiters)) return absl::OkStatus();
    const absl::Duration now = absl::Nanoseconds(os::BootNanos());
    const absl::Duration left = timeout - (now - started);
    const bool last_look = left <= absl::ZeroDuration();
    uint64_t word = words_->word.load(std::memory_order_relaxed);
    if (word == 0 ||
        ((word & kWaiters) == 0 &&
         !words_->word.compare_exchange_strong(word, word | kWaiters, std::memory_order_relaxed))) {
      if (last_look) return HeldByOthers(timeout);
      continue;  // it changes hands right now
    }
    word |= kWaiters;
    if (word != watched) {
      watched = word;
      watched_since = now;
    }
    // At the deadline too: a dead owner must not be reported as a living one, however short the
    // timeout.
    if (last_look || now - watched_since >= kProbeAfter) {
      if (OwnerIsDead(word)) {
        // The exchange compares the dead owner's incarnation too, so of many waiters one takes
        // over. Acquire: the kernel let go of the dead owner's seat after its last store, and this
        // sees them all.
        if (words_->word.compare_exchange_strong(word, self_ | kWaiters, std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
          words_->takeovers.fetch_add(1, std::memory_order_relaxed);
          return absl::OkStatus();
        }
        // Another writer has it, or hostile hands do, which may go on so for ever.
        if (last_look) return HeldByOthers(timeout);
        continue;
      }
      if (last_look) return HeldByOthers(timeout);
      watched_since = now;  // alive: do not ask again before another kProbeAfter
    }
    parking_.Wait(words_->word, word, left < kProbeAfter ? left : kProbeAfter);
  }
}

bool WriterLock::OwnerIsDead(uint64_t word) const {
  const uint64_t seat = (word & kSeatMask) - 1;
  // No writer ever writes such a word, so no living writer owns it.
  if (seat >= kMaxWriters || (word & kReservedMask) != 0) return true;
  const auto incarnation = static_cast<uint32_t>(word >> 32);
  if (seat == seat_) return incarnation != static_cast<uint32_t>(self_ >> 32);
  if (incarnations_->of_seat[seat].load(std::memory_order_acquire) != incarnation) return true;
  return !seats_->IsHeld(static_cast<uint32_t>(seat));
}

void WriterLock::Release() {
  // Release: publishes this writer's stores to the next owner.
  const uint64_t word = words_->word.exchange(0, std::memory_order_release);
  if ((word & kWaiters) != 0) parking_.WakeOne(words_->word);
}

}  // namespace cubby::lock
