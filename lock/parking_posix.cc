#include <utility>

#include "lock/parking.h"
#include "os/wait.h"

namespace cubby::lock {

struct Parking::Impl {};

Parking::Parking(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Parking::Parking(Parking&& other) noexcept = default;
Parking::~Parking() = default;

absl::StatusOr<Parking> Parking::Open(absl::string_view) { return Parking(nullptr); }

void Parking::Wait(const std::atomic<uint64_t>& word, uint64_t expected,
                   absl::Duration timeout) const {
  os::WaitWhile(word, expected, timeout);
}

void Parking::WakeOne(const std::atomic<uint64_t>& word) const { os::WakeWaiters(word, 1); }

}  // namespace cubby::lock
