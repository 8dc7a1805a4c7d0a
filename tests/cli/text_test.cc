#include "cli/text.h"

#include <string>

#include "gtest/gtest.h"

namespace cubby::cli {
namespace {

std::string Field(absl::string_view bytes) {
  std::string field;
  AppendField(bytes, &field);
  return field;
}

std::string AllBytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

TEST(FieldTest, PrintableTextStaysAsItIs) {
  EXPECT_EQ(Field("user:7 'x' \"y\" \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xbb"),
            "user:7 'x' \"y\" \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xbb");
}

TEST(FieldTest, WhatPartsFieldsAndLinesIsEscaped) {
  EXPECT_EQ(Field("a\\b\tc\nd\re"), "a\\\\b\\tc\\nd\\re");
}

TEST(FieldTest, ControlCharactersAndStrayBytesAreHex) {
  EXPECT_EQ(Field(absl::string_view("\0\x1b\x7f\xff", 4)), "\\x00\\x1b\\x7f\\xff");
}

TEST(FieldTest, WhatTerminalsObeyIsHexAndComesBack) {
  const struct {
    absl::string_view bytes;
    absl::string_view field;
  } cases[] = {
      {"\xc2\x80", "\\xc2\\x80"},            // the first C1 control
      {"a\xc2\x9b[31m", "a\\xc2\\x9b[31m"},  // begins a colour as ESC [ does
      {"\xc2\x9f", "\\xc2\\x9f"},            // the last C1 control
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},   // a line separator
      {"\xe2\x80\xa9", "\\xe2\\x80\\xa9"},   // a paragraph separator
      {"\xe2\x80\xaa", "\\xe2\\x80\\xaa"},   // U+202A to U+202E
      {"\xe2\x80\xae", "\\xe2\\x80\\xae"},   // turn the text around
      {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},   // so do U+2066
      {"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},   // to U+2069
      {"\xc2\xa1", "\xc2\xa1"},              // their neighbours are harmless
      {"\xe2\x80\xa7", "\xe2\x80\xa7"},
      {"\xe2\x80\xb0", "\xe2\x80\xb0"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Field(c.bytes), c.field);
    EXPECT_EQ(*BytesFromField(Field(c.bytes)), c.bytes);
  }
}

TEST(FieldTest, WhatNobodySeesIsHexAndComesBack) {
  EXPECT_EQ(Field("user\xe2\x80\x8b:7"), "user\\xe2\\x80\\x8b:7");  // zero width space
  EXPECT_EQ(Field("\xef\xbb\xbfkey"), "\\xef\\xbb\\xbfkey");        // byte order mark
  EXPECT_EQ(Field("a\xc2\xa0z"), "a\\xc2\\xa0z");                   // no-break space
  EXPECT_EQ(Field("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81");     // a tag
  EXPECT_EQ(Field("x\xe2\x80\x8d\xef\xb8\x8f"),                     // joiner, selector
            "x\\xe2\\x80\\x8d\\xef\\xb8\\x8f");
  for (const char* bytes : {"user\xe2\x80\x8b:7", "\xef\xbb\xbfkey", "\xf3\xa0\x81\x81"}) {
    EXPECT_EQ(*BytesFromField(Field(bytes)), bytes);
  }
}

TEST(FieldTest, EveryByteComesBack) {
  const std::string bytes = AllBytes();
  EXPECT_EQ(*BytesFromField(Field(bytes)), bytes);
}

TEST(FieldTest, UnknownEscapesAreNamed) {
  for (const char* field : {"a\\", "\\q", "\\x", "\\x1", "\\xg0", "\\X41"}) {
    const auto bytes = BytesFromField(field);
    EXPECT_EQ(bytes.status().code(), absl::StatusCode::kInvalidArgument) << field;
  }
  const struct {
    std::string field;
    std::string escape;
  } cases[] = {
      {"a\\qb", "\\q"},
      {"\\", "\\"},
      {"\\x4", "\\x4"},
      {"\\x\\\\b", "\\x\\\\"},
      {"\\xg01", "\\xg0"},
      {"\\\xc3\xa9t\xc3\xa9", "\\\xc3\xa9"},
      {"\\x\xe2\x82\xac\xe2\x82\xac.", "\\x\xe2\x82\xac\xe2\x82\xac"},
      {"\\\xff", "\\\\xff"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(BytesFromField(c.field).status().message(),
              "unknown escape '" + c.escape + "': known are \\\\ \\t \\n \\r \\xHH");
  }
}

TEST(QuotedTest, FieldKeepsItsBackslashes) {
  EXPECT_EQ(QuotedField("a\\tb\\x00\n"), "'a\\tb\\x00\\n'");
  EXPECT_EQ(QuotedField(std::string(81, '\\')), "'" + std::string(80, '\\') + "...'");
}

TEST(QuotedTest, IsAFieldCutShort) {
  EXPECT_EQ(Quoted("k\n"), "'k\\n'");
  EXPECT_EQ(Quoted("\xc2\x9bk"), "'\\xc2\\x9bk'");
  EXPECT_EQ(Quoted(std::string(81, 'k')), "'" + std::string(80, 'k') + "...'");
  EXPECT_EQ(Quoted(std::string(80, 'k')), "'" + std::string(80, 'k') + "'");
}

TEST(QuotedTest, CutsNoCharacter) {
  const std::string bear = "\xf0\x9f\x90\xbb";
  for (size_t before = 76; before <= 80; ++before) {
    const std::string text(before, 'k');
    EXPECT_EQ(Quoted(text + bear + "tail"), "'" + text + (before == 76 ? bear : "") + "...'");
  }
}

TEST(JsonStringTest, EscapesWhatJsonDemandsAndTerminalsObey) {
  EXPECT_EQ(JsonString(absl::string_view("a\"b\\c\n\0\xc3\xa9", 9)),
            "\"a\\\"b\\\\c\\u000a\\u0000\xc3\xa9\"");
  EXPECT_EQ(JsonString("\xc2\x9b\xe2\x80\xae\xf0\x9f\x90\xbb"),
            "\"\\u009b\\u202e\xf0\x9f\x90\xbb\"");
  EXPECT_EQ(JsonString("\xef\xbb\xbf\xf3\xa0\x81\x81"), "\"\\ufeff\\udb40\\udc41\"");
}

TEST(ParseDurationTest, TakesSecondsAndUnits) {
  EXPECT_EQ(*ParseDuration("--ttl", "30"), absl::Seconds(30));
  EXPECT_EQ(*ParseDuration("--ttl", "0.5"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("--ttl", "500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("--ttl", "1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("--ttl", "inf"), absl::InfiniteDuration());
}

TEST(ParseDurationTest, TakesDaysAndWeeks) {
  EXPECT_EQ(*ParseDuration("--ttl", "7d"), absl::Hours(168));
  EXPECT_EQ(*ParseDuration("--ttl", "1w"), absl::Hours(168));
  EXPECT_EQ(*ParseDuration("--ttl", "1.5d"), absl::Hours(36));
  EXPECT_EQ(*ParseDuration("--ttl", "1w2d3h4m5.5s6ms"),
            absl::Hours(9 * 24 + 3) + absl::Minutes(4) + absl::Milliseconds(5506));
  EXPECT_EQ(*ParseDuration("--ttl", "1h1d"), absl::Hours(25));
}

TEST(ParseDurationTest, RefusesWhatIsNotADurationAboveZero) {
  for (const char* text : {"", "soon", "5 parsecs", "0", "-1", "-5s", "nan", "0s", "d", "w", "0d",
                           "-1d", "1d2", "1dd", "1D", "1.2.3d", "1 d", "7days"}) {
    EXPECT_EQ(ParseDuration("--ttl", text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_EQ(
      ParseDuration("--ttl", "soon").status().message(),
      "--ttl 'soon' is not a duration above 0: give seconds, or a number with ms, s, m, h, d or w");
}

TEST(ParseDurationTest, TakesZeroWhereThatMeansSomething) {
  for (const char* text : {"0", "0s", "0d", "0.0", "-0"}) {
    const absl::StatusOr<absl::Duration> wait = ParseDuration("--wait", text, true);
    ASSERT_TRUE(wait.ok()) << wait.status();
    EXPECT_EQ(*wait, absl::ZeroDuration());
  }
  for (const char* text : {"", "-1", "-5s", "nan", "-inf"}) {
    EXPECT_EQ(
        ParseDuration("--wait", text, true).status().message(),
        absl::StrCat("--wait '", text,
                     "' is not a duration: give seconds, or a number with ms, s, m, h, d or w"));
  }
}

}  // namespace
}  // namespace cubby::cli
