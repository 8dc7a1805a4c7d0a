// The floor under every look-up: one cache line read at a random place of the same memory, and
// nothing else. No table that is larger than the caches can answer faster than one such read.
#ifndef CUBBY_BENCH_POINTER_CHASE_H_
#define CUBBY_BENCH_POINTER_CHASE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "os/mapping.h"

namespace cubby::bench {

// `nodes` cache lines spread evenly over `bytes` of shared memory (the kind a store lies in: the
// same pages, the same translation), linked into one cycle that visits all of them in random order.
// Not thread-safe.
class PointerChase {
 public:
  // `next[i]` is the node after node i; it has to be one cycle through all of them. REQUIRES: bytes
  // >= 64 * next.size(). Errors are those of os::Mapping::Create.
  static absl::StatusOr<std::unique_ptr<PointerChase>> Make(const std::vector<uint32_t>& next,
                                                            uint64_t bytes);

  // Goes `steps` on along the cycle: each read waits for the one before. Returns where it is then.
  const void* Walk(size_t steps);

  // The line of node `node`, which may be read without waiting for another.
  const char* LineOf(uint32_t node) const {
    return mapping_.data() + (node * stride_ >> 32) * kLineBytes;
  }

 private:
  static constexpr uint64_t kLineBytes = 64;

  PointerChase(os::Mapping mapping, uint64_t nodes);

  const os::Mapping mapping_;
  const uint64_t stride_;  // lines from node to node, in units of 2^-32
  const void* at_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_POINTER_CHASE_H_
