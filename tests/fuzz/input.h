// Takes a fuzzer's input apart, from its front. What is read beyond its end is zero, so every input
// means something.
#ifndef CUBBY_TESTS_FUZZ_INPUT_H_
#define CUBBY_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace cubby::fuzz {

class Input {
 public:
  explicit Input(absl::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  // At most `bytes` of what is left.
  absl::string_view Take(size_t bytes) {
    const absl::string_view taken = bytes_.substr(0, bytes);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  absl::string_view Rest() { return Take(bytes_.size()); }

  uint8_t Byte() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Number16() { return static_cast<uint16_t>(Number(2)); }
  uint64_t Number64() { return Number(8); }

 private:
  uint64_t Number(size_t bytes) {
    uint64_t number = 0;
    int shift = 0;
    for (const char c : Take(bytes)) {
      number |= uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return number;
  }

  absl::string_view bytes_;
};

}  // namespace cubby::fuzz

#endif  // CUBBY_TESTS_FUZZ_INPUT_H_
