// Reads a table by the numbers of docs/layout.md alone, with none of the layout's own code: the
// page stays true, and another language's reader can be written from it.
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "table/hash.h"
#include "tests/table/table_buffer.h"

namespace cubby::table {
namespace {

template <typename T>
T At(const char* memory, uint64_t offset) {
  T value;
  std::memcpy(&value, memory + offset, sizeof(value));
  return value;
}

std::optional<std::string> ReadBySpec(const char* m, const std::string& key) {
  const auto bucket_count = At<uint64_t>(m, 24);
  const auto ways = At<uint32_t>(m, 32);
  const auto slot_bytes = At<uint32_t>(m, 36);
  const auto extent_bytes = At<uint32_t>(m, 40);
  const uint64_t bucket_bytes = (uint64_t{ways} * slot_bytes + 63) / 64 * 64;
  const uint64_t heads_offset = (8192 + bucket_count * 16 + 63) / 64 * 64;
  const uint64_t slots_offset = (heads_offset + bucket_count * 32 + 63) / 64 * 64;
  const uint64_t extents_offset = slots_offset + bucket_count * bucket_bytes;
  const uint64_t h = XXH3_64bits_withSeed(key.data(), key.size(), At<uint64_t>(m, 64));
  auto bucket = static_cast<uint64_t>(static_cast<unsigned __int128>(h) * bucket_count >> 64);
  for (uint64_t probe = 0; probe < bucket_count; ++probe) {
    const uint64_t head = heads_offset + bucket * 32;
    for (uint32_t way = 0; way < ways; ++way) {
      if ((At<uint64_t>(m, head) >> way & 1) == 0) continue;
      if (At<uint8_t>(m, head + 8 + way) != (h & 0xff)) continue;
      const uint64_t slot = slots_offset + bucket * bucket_bytes + uint64_t{way} * slot_bytes;
      const auto lengths = At<uint64_t>(m, slot + 16);
      const uint64_t key_bytes = lengths >> 32 & 0xffff;
      uint64_t left = lengths & 0xffffffff;
      if (std::string(m + slot + 24, key_bytes) != key) continue;
      if (At<uint8_t>(m, 8192 + bucket * 16 + way) != (h & 0xff)) return std::nullopt;
      const uint64_t value = slot + 24 + (key_bytes + 7) / 8 * 8;
      if ((lengths >> 48 & 1) == 0) return std::string(m + value, left);
      std::string whole;
      for (auto index = At<uint32_t>(m, value); left != 0;) {
        const uint64_t extent = extents_offset + uint64_t{index} * extent_bytes;
        if (At<uint64_t>(m, extent) != At<uint64_t>(m, slot)) return std::nullopt;
        const uint64_t bytes = std::min<uint64_t>(left, extent_bytes - 16);
        whole.append(m + extent + 16, bytes);
        left -= bytes;
        index = At<uint32_t>(m, extent + 8);
      }
      return whole;
    }
    if ((At<uint64_t>(m, head + 24) >> 4 * (h >> 32 & 15) & 15) == 0) break;
    bucket = bucket + 1 == bucket_count ? 0 : bucket + 1;
  }
  return std::nullopt;
}

TEST(LayoutSpecTest, EveryEntryIsFoundByTheNumbersOfTheSpecification) {
  for (uint32_t ways : {2, 3, 16}) {
    GeometryOptions options = TinyOptions();
    options.capacity = 50;
    options.ways = ways;
    options.extent_pool_bytes = 64 * 400;
    TableBuffer buffer(options);
    for (size_t i = 0; i < 50; ++i) {
      ASSERT_TRUE(buffer.Put(absl::StrCat("key", i), std::string(i * 3, 'v')).ok()) << i;
    }
    for (size_t i = 0; i < 50; ++i) {
      EXPECT_EQ(ReadBySpec(buffer.memory(), absl::StrCat("key", i)), std::string(i * 3, 'v'));
    }
    EXPECT_EQ(ReadBySpec(buffer.memory(), "absent"), std::nullopt);
  }
}

TEST(LayoutSpecTest, HeaderStandsWhereTheSpecificationSays) {
  TableBuffer buffer(TinyOptions());
  const char* m = buffer.memory();
  const Geometry& geometry = buffer.geometry();
  EXPECT_EQ(std::string(m, 8), std::string("\xff"
                                           "cubby\x01\x00",
                                           8));
  EXPECT_EQ(At<uint16_t>(m, 8), 5);
  EXPECT_EQ(At<uint32_t>(m, 12), 8192u);
  EXPECT_EQ(At<uint64_t>(m, 16), geometry.total_bytes);
  EXPECT_EQ(At<uint64_t>(m, 48), geometry.capacity);
  EXPECT_EQ(At<uint64_t>(m, 56), geometry.max_value_bytes);
  EXPECT_EQ(At<uint64_t>(m, 120), XXH3_64bits_withSeed(m + 8, 112, At<uint64_t>(m, 0)));
  EXPECT_EQ(At<uint64_t>(m, 128), 1u);
}

// Stores outlive programs: these values may never change.
TEST(LayoutSpecTest, HashHasItsGoldenValues) {
  constexpr uint64_t kSeed = 0x0123456789abcdef;
  EXPECT_EQ(HashKey("a", kSeed), 0xfcf369f9e7541d1bu);
  EXPECT_EQ(HashKey("k", kSeed), 0x9b2feee230b3a3a2u);
  EXPECT_EQ(HashKey("0123456789abcdef", kSeed), 0x7b2c06caefc6fc58u);
  EXPECT_EQ(HashKey("the quick brown fox jumps over the lazy dog", kSeed), 0xbc384a8eeaaca2e8u);
  EXPECT_EQ(HashKey(std::string(300, 'x'), kSeed), 0xda0cb6a389eea0ffu);
}

}  // namespace
}  // namespace cubby::table
