#include "bench/pointer_chase.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "bench/local_name.h"

namespace cubby::bench {

absl::StatusOr<std::unique_ptr<PointerChase>> PointerChase::Make(const std::vector<uint32_t>& next,
                                                                 uint64_t bytes) {
  const std::string name = LocalName();
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(name, bytes, 0600);
  if (!mapping.ok()) return mapping.status();
  os::Mapping::Remove(name).IgnoreError();  // as in MakeLocalStore
  mapping->UseHugePages().IgnoreError();    // as the store's
  std::unique_ptr<PointerChase> chase(new PointerChase(*std::move(mapping), next.size()));
  for (uint32_t node = 0; node < next.size(); ++node) {
    const char* target = chase->LineOf(next[node]);
    std::memcpy(chase->mapping_.data() + (chase->LineOf(node) - chase->mapping_.data()), &target,
                sizeof(target));
  }
  return chase;
}

PointerChase::PointerChase(os::Mapping mapping, uint64_t nodes)
    : mapping_(std::move(mapping)),
      stride_((mapping_.size() / kLineBytes << 32) / nodes),
      at_(mapping_.data()) {}

const void* PointerChase::Walk(size_t steps) {
  const void* at = at_;
  for (; steps != 0; --steps) std::memcpy(&at, at, sizeof(at));
  at_ = at;
  return at;
}

}  // namespace cubby::bench
