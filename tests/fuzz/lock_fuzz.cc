// Whether the lock is taken from every owner that no living writer is, and from no other, whatever
// its words hold.
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "lock/seats.h"
#include "lock/writer_lock.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

constexpr uint64_t kSeatMask = 0x7fff;
constexpr uint64_t kReservedMask = 0xffff0000;

// Seats of which the input says who is taken.
class ForgedSeats : public lock::Seats {
 public:
  ForgedSeats(uint32_t own, uint32_t held) : own_(own), held_(held) {}
  absl::StatusOr<bool> Claim(uint32_t seat) override { return seat == own_; }
  bool IsHeld(uint32_t seat) const override { return (held_ >> seat % 32 & 1) != 0; }
  absl::Status Remove() const override { return absl::OkStatus(); }
  absl::Status LetInWritersOf(uint32_t, absl::optional<uint32_t>) override {
    return absl::OkStatus();
  }
  bool forked() const override { return false; }
  const std::string& owner() const override { return owner_; }

 private:
  const uint32_t own_;
  const uint32_t held_;
  const std::string owner_;
};

// Whose lock it is that is asked. Another of its threads may have it.
struct Self {
  uint32_t seat;
  uint32_t incarnation;
};

// What os/writer_lock.h says of a word.
bool NamesALivingWriter(uint64_t word, const Self& self, const lock::IncarnationTable& incarnations,
                        const lock::Seats& seats) {
  const uint64_t seat = (word & kSeatMask) - 1;
  if (seat >= lock::kMaxWriters || (word & kReservedMask) != 0) return false;
  if (seat == self.seat) return word >> 32 == self.incarnation;
  return incarnations.of_seat[seat].load() == word >> 32 &&
         seats.IsHeld(static_cast<uint32_t>(seat));
}

}  // namespace

void Lock(absl::string_view bytes) {
  Input input(bytes);
  const uint32_t own = input.Number16() % lock::kMaxWriters;
  const auto held = static_cast<uint32_t>(input.Number64());
  const auto words = std::make_unique<lock::LockWords>();
  const auto incarnations = std::make_unique<lock::IncarnationTable>();
  for (auto& incarnation : incarnations->of_seat) incarnation.store(5);
  incarnations->of_seat[own].store(static_cast<uint32_t>(input.Number64()));

  auto seats = std::make_unique<ForgedSeats>(own, held);
  const ForgedSeats& asked = *seats;
  auto lock = lock::WriterLock::Open("fuzz", std::move(seats), words.get(), incarnations.get());
  Require(lock.ok() && (*lock)->seat() == own, "a free seat is taken");
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
    const bool living = word != 0 && NamesALivingWriter(word, self, *incarnations, asked);
    const absl::Status acquired = (*lock)->Acquire(absl::ZeroDuration());
    Require(living ? absl::IsDeadlineExceeded(acquired) : acquired.ok(),
            "the lock is taken from the dead alone");
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
