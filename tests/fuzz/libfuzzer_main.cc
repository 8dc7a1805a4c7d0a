// libFuzzer's way into one harness: CUBBY_HARNESS names it.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "tests/fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cubby::fuzz::CUBBY_HARNESS(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
