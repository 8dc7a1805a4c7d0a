#include "program/text_encoding.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "program/output.h"

namespace cubby::program {
namespace {

TEST(Utf8Test, TakesWhatTheStandardTakes) {
  const struct {
    absl::string_view bytes;
    bool valid;
  } cases[] = {
      {"", true},
      {absl::string_view("\0", 1), true},
      {"\x7f", true},
      {"\xc2\x80", true},
      {"\xdf\xbf", true},
      {"\xe0\xa0\x80", true},
      {"\xed\x9f\xbf", true},
      {"\xee\x80\x80", true},
      {"\xef\xbf\xbf", true},
      {"\xf0\x90\x80\x80", true},
      {"\xf4\x8f\xbf\xbf", true},
      {"\x80", false},              // a continuation by itself
      {"\xc1\xbf", false},          // overlong
      {"\xe0\x9f\xbf", false},      // overlong
      {"\xf0\x8f\xbf\xbf", false},  // overlong
      {"\xed\xa0\x80", false},      // a surrogate
      {"\xf4\x90\x80\x80", false},  // past U+10FFFF
      {"\xf5\x80\x80\x80", false},
      {"\xff", false},
      {"a\xc3", false},  // cut off
      {"\xe2\x82", false},
      {"\xf0\x9f\x90", false},
      {"\xc3(", false},
  };
  for (const auto& c : cases) EXPECT_EQ(IsUtf8(c.bytes), c.valid) << absl::CHexEscape(c.bytes);
}

TEST(InvisibleTest, IsWhatShowsNothingOrASpace) {
  for (const uint32_t code_point :
       {0x00u,   0x1fu,   0x7fu,   0x9fu,    0xa0u,    0xadu,    0x034fu,  0x061cu,  0x115fu,
        0x1680u, 0x180eu, 0x2000u, 0x200bu,  0x200du,  0x200fu,  0x2028u,  0x202eu,  0x202fu,
        0x205fu, 0x2060u, 0x2063u, 0x2066u,  0x206fu,  0x2800u,  0x3000u,  0x3164u,  0xfe0fu,
        0xfeffu, 0xffa0u, 0xfff9u, 0x1bca0u, 0x1d173u, 0xe0001u, 0xe0020u, 0xe007fu, 0xe01efu}) {
    EXPECT_TRUE(IsInvisible(code_point)) << std::hex << code_point;
  }
}

TEST(InvisibleTest, IsNothingElse) {
  for (const uint32_t code_point :
       {0x20u,   0x7eu,   0xa1u,   0xacu,   0xaeu,   0xe9u,    0x0301u,  0x0644u,
        0x1100u, 0x2010u, 0x2027u, 0x2030u, 0x20acu, 0x2070u,  0x27ffu,  0x3001u,
        0x4e00u, 0xfdffu, 0xfe10u, 0xfffcu, 0xfffdu, 0x1f43bu, 0x10ffffu}) {
    EXPECT_FALSE(IsInvisible(code_point)) << std::hex << code_point;
  }
}

TEST(OtherEncodingTest, IsKnownByItsMarkOrItsNuls) {
  const struct {
    absl::string_view line;
    absl::string_view name;  // iconv's
  } cases[] = {
      {{"\xff\xfe"
        "k\0\t\0v\0",
        8},
       "UTF-16"},
      {{"\xfe\xff\0k\0\t\0v\0", 9}, "UTF-16"},
      {{"\xff\xfe\0\0k\0\0\0", 8}, "UTF-32"},
      {{"\0\0\xfe\xff\0\0\0k", 8}, "UTF-32"},
      {{"k\0\t\0v\0\r\0", 8}, "UTF-16LE"},  // without a mark
      {{"\0k\0\t\0v\0", 7}, "UTF-16BE"},
      {{"k\0\0\0\t\0\0\0", 8}, "UTF-32LE"},
      {{"\0\0\0k\0\0\0\t\0\0\0", 11}, "UTF-32BE"},
      {"", ""},
      {"k\tv", ""},
      {"\xef\xbb\xbfk\tv", ""},
      {{"k\0\tv\0", 5}, ""},  // keys and values may have NULs
      {{"k\0\0\0", 4}, ""},
      {{"\0\0\0\0\t\0\0\0\1", 9}, ""},
  };
  for (const auto& c : cases) {
    const std::string told =
        c.name.empty() ? ""
                       : absl::StrCat(c.name.substr(0, 6), " text: convert it to UTF-8 (iconv -f ",
                                      c.name, " -t UTF-8)");
    EXPECT_EQ(OtherEncoding(c.line), told) << absl::CHexEscape(c.line);
  }
}

TEST(MessageLineTest, ShowsEveryCharacter) {
  EXPECT_EQ(MessageLine("cubby", "a\nb\t'\\x00' \xe2\x80\x8b\xc2\x9b\xef\xbb\xbf\xff caf\xc3\xa9"),
            "cubby: a b '\\x00' \\xe2\\x80\\x8b\\xc2\\x9b\\xef\\xbb\\xbf\\xff caf\xc3\xa9\n");
}

}  // namespace
}  // namespace cubby::program
