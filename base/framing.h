// What frames (proto/frame.h) and envelopes (os/envelope_posix.h) have in common: little-endian
// integers, and a checksum over a header and its payload.
#ifndef CUBBY_BASE_FRAMING_H_
#define CUBBY_BASE_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cubby::base {

// Appends the low `bytes` bytes of `value`.
void AppendLittleEndian(uint64_t value, int bytes, std::string* out);

// Returns the integer of `bytes` bytes at `offset`. REQUIRES: `from` has them.
uint64_t LittleEndian(absl::string_view from, size_t offset, int bytes);

// Returns XXH32 of `payload`, seeded with XXH32 of `header`.
uint32_t FrameChecksum(absl::string_view header, absl::string_view payload);

}  // namespace cubby::base

#endif  // CUBBY_BASE_FRAMING_H_
