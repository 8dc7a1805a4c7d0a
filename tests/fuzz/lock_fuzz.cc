// Whether the lock is taken over from every owner that is no live writer, and from no other,
// whatever its words hold.
#include <memory>

#include "absl/status/status.h"
#include "lock/writer_lock.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

constexpr uint64_t kSeatMask = 0x7fff;
constexpr uint64_t kReservedMask = 0xffff0000;

// Tells which seats are held, as the input says.
struct ForgedSeats {
  uint32_t held;
  bool operator()(uint32_t seat) const { return (held >> seat % 32 & 1) != 0; }
};

// The writer whose lock is tested. Another of its threads may own the lock.
struct Self {
  uint32_t seat;
  uint32_t incarnation;
};

// What lock/writer_lock.h says of a word.
bool NamesALivingWriter(uint64_t word, const Self& self, const lock::IncarnationTable& incarnations,
                        const ForgedSeats& seats) {
  const uint64_t seat = (word & kSeatMask) - 1;
  if (seat >= lock::kMaxWriters || (word & kReservedMask) != 0) return false;
  if (seat == self.seat) return word >> 32 == self.incarnation;
  return incarnations.of_seat[seat].load() == word >> 32 && seats(static_cast<uint32_t>(seat));
}

}  // namespace

void Lock(absl::string_view bytes) {
  Input input(bytes);
  const uint32_t own = input.Number16() % lock::kMaxWriters;
  const ForgedSeats seats = {static_cast<uint32_t>(input.Number64())};
  const auto words = std::make_unique<lock::LockWords>();
  const auto incarnations = std::make_unique<lock::IncarnationTable>();
  for (auto& incarnation : incarnations->of_seat) incarnation.store(5);
  incarnations->of_seat[own].store(static_cast<uint32_t>(input.Number64()));

  auto lock = lock::WriterLock::OpenAt("fuzz", own, seats, words.get(), incarnations.get());
  Require(lock.ok() && (*lock)->seat() == own, "the lock opens at its seat");
  const Self self = {own, incarnations->of_seat[own].load()};
  while (!input.empty()) {
    uint64_t word = input.Number64();
    // Words that are nearly right, too.
    const uint8_t like = input.Byte();
    if ((like & 1) != 0) word &= ~kReservedMask;
    if ((like & 2) != 0) word = (word & 0xffffffff) | uint64_t{5} << 32;
    if ((like & 4) != 0) word = (word & ~kSeatMask) | (own + 1);
    if ((like & 8) != 0) word = (word & 0xffffffff) | uint64_t{self.incarnation} << 32;
    if ((like & 16) != 0) incarnations->of_seat[own].store(static_cast<uint32_t>(word));
    words->word.store(word);
    const uint64_t takeovers = words->takeovers.load();
    const bool living = word != 0 && NamesALivingWriter(word, self, *incarnations, seats);
    const absl::Status acquired = (*lock)->Acquire(absl::ZeroDuration());
    Require(living ? absl::IsDeadlineExceeded(acquired) : acquired.ok(),
            "the lock is taken from no live owner");
    if (living) {
      Require((words->word.load() | 0x8000) == (word | 0x8000), "a living owner keeps the lock");
      continue;
    }
    Require((words->word.load() & kSeatMask) == own + 1, "the lock names its owner");
    Require(words->takeovers.load() == takeovers + (word != 0 ? 1 : 0), "takeovers are counted");
    (*lock)->Release();
    Require(words->word.load() == 0, "a lock that was given back is free");
  }
}

}  // namespace cubby::fuzz
