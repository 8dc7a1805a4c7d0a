#include "server/size_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cubby::server {
namespace {

TEST(SizeTextTest, SizesAreWhatPeopleMean) {
  const struct {
    const char* text;
    uint64_t bytes;
  } cases[] = {
      {"0", 0},
      {"1000", 1000},
      {"7B", 7},
      {"1kB", 1000},
      {"1KB", 1000},
      {"1KiB", 1024},
      {"1MB", 1'000'000},
      {"64MiB", 64 << 20},
      {"64mib", 64 << 20},
      {"2GB", 2'000'000'000},
      {"3GiB", uint64_t{3} << 30},
      {"1TB", 1'000'000'000'000},
      {"1TiB", uint64_t{1} << 40},
      {"18446744073709551615", ~uint64_t{0}},
      {"16777215TiB", uint64_t{16777215} << 40},
  };
  for (const auto& test : cases) {
    const absl::StatusOr<uint64_t> size = ParseSize("--max-value", test.text);
    ASSERT_TRUE(size.ok()) << test.text << ": " << size.status();
    EXPECT_EQ(*size, test.bytes) << test.text;
  }
}

TEST(SizeTextTest, TextIsWhatWouldBeTyped) {
  EXPECT_EQ(SizeText(0), "0");
  EXPECT_EQ(SizeText(1000), "1000");
  EXPECT_EQ(SizeText(65536), "64KiB");
  EXPECT_EQ(SizeText(1536), "1536");
  EXPECT_EQ(SizeText(uint64_t{5} << 20), "5MiB");
  EXPECT_EQ(SizeText(uint64_t{2048} << 40), "2048TiB");
}

TEST(SizeTextTest, AnythingElseIsRefusedNamingTheOption) {
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1 MiB", "1.5MiB", "MiB", "1M", "0x10",
                           "1MiBs", "18446744073709551616", "16777216TiB"}) {
    const absl::Status status = ParseSize("--max-value", text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("--max-value")) << text;
  }
}

}  // namespace
}  // namespace cubby::server
