#include "table/bytes.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace cubby::table {
namespace {

// Every way of copying, and the sizes around where one ends and the next begins.
constexpr size_t kMostBytes = 2200;

// Memory as the mapping's: 8-aligned, and with room up to the next multiple of 8 and no more.
class SharedBytes {
 public:
  explicit SharedBytes(size_t bytes) : words_(RoundUp8(bytes) / 8, ~uint64_t{0}) {}
  char* data() { return reinterpret_cast<char*>(words_.data()); }
  size_t size() const { return words_.size() * 8; }

 private:
  std::vector<uint64_t> words_;
};

std::string RandomBytes(size_t bytes) {
  std::mt19937 random(static_cast<uint32_t>(bytes));
  std::string made(bytes, '\0');
  for (char& byte : made) byte = static_cast<char>(random());
  return made;
}

TEST(BytesTest, CopiesEverySizeThereAndBackAndNoByteMore) {
  for (size_t bytes = 0; bytes <= kMostBytes; ++bytes) {
    const std::string own = RandomBytes(bytes);
    SharedBytes shared(bytes);
    CopyToShared(shared.data(), own.data(), bytes);
    ASSERT_EQ(std::string(shared.data(), bytes), own) << bytes;
    for (size_t at = bytes; at < shared.size(); ++at) {
      ASSERT_EQ(shared.data()[at], '\0') << "byte " << at << " of " << bytes;
    }
    std::string copy(bytes + 32, '#');
    CopyFromShared(&copy[0], shared.data(), bytes);
    ASSERT_EQ(copy, own + std::string(32, '#')) << bytes;
  }
}

TEST(BytesTest, ComparesEveryByte) {
  for (size_t bytes = 0; bytes <= 200; ++bytes) {
    std::string own = RandomBytes(bytes);
    SharedBytes shared(bytes);
    CopyToShared(shared.data(), own.data(), bytes);
    ASSERT_TRUE(EqualsShared(shared.data(), own.data(), bytes)) << bytes;
    for (size_t at = 0; at < bytes; ++at) {
      own[at] ^= 0x10;
      ASSERT_FALSE(EqualsShared(shared.data(), own.data(), bytes)) << at << " of " << bytes;
      own[at] ^= 0x10;
    }
  }
}

TEST(BytesTest, ComparesThePaddingToo) {
  // Bytes that no put leaves there are not the key.
  for (size_t bytes = 1; bytes <= 24; ++bytes) {
    if (bytes % 8 == 0) continue;
    const std::string own = RandomBytes(bytes);
    SharedBytes shared(bytes);
    CopyToShared(shared.data(), own.data(), bytes);
    shared.data()[bytes] = 1;
    ASSERT_FALSE(EqualsShared(shared.data(), own.data(), bytes)) << bytes;
  }
}

}  // namespace
}  // namespace cubby::table
