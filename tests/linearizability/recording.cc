#include "tests/linearizability/recording.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace cubby::test {

std::string BellName(const std::string& board) { return absl::StrCat(board, "-bell"); }
std::string OrderName(const std::string& board, uint32_t process) {
  return absl::StrCat(board, "-", process);
}

uint64_t Now() {
  // The fences keep the processor from moving what the caller does across the reading of the clock.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

uint64_t ValueNumber(uint32_t history, uint32_t role, uint32_t record) {
  return (uint64_t{history} * kRoles + role) * kRecords + record + 1;
}

bool HasTtl(uint64_t number) { return number % 16 == 5; }

}  // namespace cubby::test
