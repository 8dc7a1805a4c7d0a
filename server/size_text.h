// Sizes such as "64KiB".
#ifndef CUBBY_SERVER_SIZE_TEXT_H_
#define CUBBY_SERVER_SIZE_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::server {

// Returns the bytes that "1000", "64KiB" (of 1024) or "1MB" (of 1000) stand for; units go up to T,
// in any case. InvalidArgument, naming `option`, if `text` is anything else or does not fit 64
// bits.
absl::StatusOr<uint64_t> ParseSize(absl::string_view option, absl::string_view text);

// Returns the shortest such text of a multiple of 1024 units: "64KiB", "1000".
std::string SizeText(uint64_t bytes);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_SIZE_TEXT_H_
