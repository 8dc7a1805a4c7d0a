#include "cli/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cubby::cli {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr size_t kLongestQuote = 80;

void AppendHex(char byte, std::string* out) {
  const auto value = static_cast<unsigned char>(byte);
  absl::StrAppend(out, "\\x");
  out->push_back(kHexDigits[value >> 4]);
  out->push_back(kHexDigits[value & 15]);
}

// Returns the length of the UTF-8 sequence at the start of `bytes`; 0 if there is none. Overlong
// forms, surrogates and code points above U+10FFFF are invalid, as in JSON.
size_t Utf8Length(absl::string_view bytes) {
  const auto between = [bytes](size_t i, unsigned low, unsigned high) {
    return i < bytes.size() && static_cast<unsigned char>(bytes[i]) >= low &&
           static_cast<unsigned char>(bytes[i]) <= high;
  };
  const auto continues = [&between](size_t i) { return between(i, 0x80, 0xbf); };
  if (between(0, 0x00, 0x7f)) return 1;
  if (between(0, 0xc2, 0xdf)) return continues(1) ? 2 : 0;
  if (between(0, 0xe0, 0xef)) {
    const bool second = between(0, 0xe0, 0xe0)   ? between(1, 0xa0, 0xbf)
                        : between(0, 0xed, 0xed) ? between(1, 0x80, 0x9f)
                                                 : continues(1);
    return second && continues(2) ? 3 : 0;
  }
  if (between(0, 0xf0, 0xf4)) {
    const bool second = between(0, 0xf0, 0xf0)   ? between(1, 0x90, 0xbf)
                        : between(0, 0xf4, 0xf4) ? between(1, 0x80, 0x8f)
                                                 : continues(1);
    return second && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// Returns the code point of `bytes`, which is one UTF-8 sequence.
uint32_t CodePoint(absl::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes.front());
  if (bytes.size() == 1) return first;
  uint32_t code_point = first & (0x7fu >> bytes.size());
  for (const char byte : bytes.substr(1)) {
    code_point = code_point << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
  }
  return code_point;
}

bool IsControl(uint32_t code_point) {
  const auto in = [code_point](uint32_t low, uint32_t high) {
    return code_point >= low && code_point <= high;
  };
  return in(0x00, 0x1f) || in(0x7f, 0x9f) || in(0x2028, 0x202e) || in(0x2066, 0x2069);
}

// As absl::ParseDuration(), with the units d and w besides.
bool ParseUnits(absl::string_view text, absl::Duration* duration) {
  if (absl::ParseDuration(text, duration)) return true;  // also "inf" and a sign
  *duration = absl::ZeroDuration();
  while (!text.empty()) {
    const size_t number = std::min(text.find_first_not_of("0123456789."), text.size());
    const size_t end = std::min(text.find_first_of("0123456789.", number), text.size());
    const absl::string_view unit = text.substr(number, end - number);
    const int hours = unit == "d" ? 24 : unit == "w" ? 7 * 24 : 0;
    absl::Duration part;
    const std::string known =
        hours > 0 ? absl::StrCat(text.substr(0, number), "h") : std::string(text.substr(0, end));
    if (number == 0 || !absl::ParseDuration(known, &part)) return false;
    *duration += part * std::max(hours, 1);
    text.remove_prefix(end);
  }
  return true;
}

}  // namespace

void AppendField(absl::string_view bytes, std::string* out) {
  while (!bytes.empty()) {
    const size_t length = Utf8Length(bytes);
    const absl::string_view character = bytes.substr(0, std::max<size_t>(length, 1));
    const char first = bytes.front();
    if (first == '\\') {
      out->append("\\\\");
    } else if (first == '\t') {
      out->append("\\t");
    } else if (first == '\n') {
      out->append("\\n");
    } else if (first == '\r') {
      out->append("\\r");
    } else if (length == 0 || IsControl(CodePoint(character))) {
      for (const char byte : character) AppendHex(byte, out);
    } else {
      absl::StrAppend(out, character);
    }
    bytes.remove_prefix(character.size());
  }
}

absl::StatusOr<std::string> BytesFromField(absl::string_view field) {
  std::string bytes;
  bytes.reserve(field.size());
  while (!field.empty()) {
    if (field.front() != '\\') {
      bytes.push_back(field.front());
      field.remove_prefix(1);
      continue;
    }
    const absl::string_view escape = field.substr(0, 2);
    if (escape == "\\x" && field.size() >= 4 &&
        absl::ascii_isxdigit(static_cast<unsigned char>(field[2])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(field[3]))) {
      bytes.append(absl::HexStringToBytes(field.substr(2, 2)));
      field.remove_prefix(4);
      continue;
    }
    if (escape == "\\\\") {
      bytes.push_back('\\');
    } else if (escape == "\\t") {
      bytes.push_back('\t');
    } else if (escape == "\\n") {
      bytes.push_back('\n');
    } else if (escape == "\\r") {
      bytes.push_back('\r');
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown escape ", Quoted(field.substr(0, 4)),
                                                     ": known are \\\\ \\t \\n \\r \\xHH"));
    }
    field.remove_prefix(2);
  }
  return bytes;
}

std::string Quoted(absl::string_view bytes) {
  std::string text = "'";
  AppendField(bytes.substr(0, kLongestQuote), &text);
  if (bytes.size() > kLongestQuote) absl::StrAppend(&text, "...");
  return absl::StrCat(text, "'");
}

bool IsUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string JsonString(absl::string_view utf8) {
  std::string json = "\"";
  while (!utf8.empty()) {
    const absl::string_view character = utf8.substr(0, Utf8Length(utf8));
    const uint32_t code_point = CodePoint(character);
    if (code_point == '"' || code_point == '\\') {
      json.push_back('\\');
      absl::StrAppend(&json, character);
    } else if (IsControl(code_point)) {
      absl::StrAppend(&json, "\\u", absl::Hex(code_point, absl::kZeroPad4));
    } else {
      absl::StrAppend(&json, character);
    }
    utf8.remove_prefix(character.size());
  }
  json.push_back('"');
  return json;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text) {
  double seconds;
  absl::Duration duration;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = seconds > 0 ? absl::Seconds(seconds) : absl::ZeroDuration();  // false for NaN
  } else if (!ParseUnits(text, &duration)) {
    duration = absl::ZeroDuration();
  }
  if (duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        option, " ", Quoted(text),
        " is not a duration above 0: give seconds, or a number with ms, s, m, h, d or w"));
  }
  return duration;
}

}  // namespace cubby::cli
