#include "base/framing.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cubby::base {

void AppendLittleEndian(uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t LittleEndian(absl::string_view from, size_t offset, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<unsigned char>(from[offset + i])} << (8 * i);
  }
  return value;
}

uint32_t FrameChecksum(absl::string_view header, absl::string_view payload) {
  return XXH32(payload.data(), payload.size(), XXH32(header.data(), header.size(), 0));
}

}  // namespace cubby::base
