#include "cli/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "program/text_encoding.h"

namespace cubby::cli {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr size_t kLongestQuote = 80;
constexpr char kExpiryName[] = "expires=";

void AppendHex(char byte, std::string* out) {
  const auto value = static_cast<unsigned char>(byte);
  const char escape[] = {'\\', 'x', kHexDigits[value >> 4], kHexDigits[value & 15]};
  out->append(escape, sizeof(escape));
}

// Returns the value of a hexadecimal digit; -1 for any other character.
int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(digit));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Returns how many bytes at the start of `bytes` are visible ASCII characters other than a
// backslash.
size_t PlainBytes(absl::string_view bytes) {
  size_t plain = 0;
  while (plain < bytes.size() && bytes[plain] >= ' ' && bytes[plain] <= '~' &&
         bytes[plain] != '\\') {
    ++plain;
  }
  return plain;
}

// Returns how many bytes of `bytes` a quotation shows: at most kLongestQuote, and no part of a
// UTF-8 sequence.
size_t QuotedBytes(absl::string_view bytes) {
  if (bytes.size() <= kLongestQuote) return bytes.size();
  for (size_t start = kLongestQuote - 3; start < kLongestQuote; ++start) {
    if (start + program::Utf8Length(bytes.substr(start)) > kLongestQuote) return start;
  }
  return kLongestQuote;
}

// As absl::ParseDuration(), with the units d and w besides.
bool ParseUnits(absl::string_view text, absl::Duration* duration) {
  if (absl::ParseDuration(text, duration)) return true;  // also "inf" and a sign
  if (text.empty()) return false;
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

void AppendJsonEscape(uint32_t code_point, std::string* out) {
  const auto append = [out](uint32_t unit) {
    absl::StrAppend(out, "\\u", absl::Hex(unit, absl::kZeroPad4));
  };
  if (code_point <= 0xffff) return append(code_point);
  append(0xd800 + ((code_point - 0x10000) >> 10));  // a surrogate pair
  append(0xdc00 + ((code_point - 0x10000) & 0x3ff));
}

// Appends `bytes` to *out, with `backslash` for each backslash.
void AppendVisible(absl::string_view bytes, absl::string_view backslash, std::string* out) {
  while (true) {
    const size_t plain = PlainBytes(bytes);
    out->append(bytes.data(), plain);
    bytes.remove_prefix(plain);
    if (bytes.empty()) return;
    const size_t length = program::Utf8Length(bytes);
    const absl::string_view character = bytes.substr(0, std::max<size_t>(length, 1));
    const char first = bytes.front();
    if (first == '\\') {
      absl::StrAppend(out, backslash);
    } else if (first == '\t') {
      out->append("\\t");
    } else if (first == '\n') {
      out->append("\\n");
    } else if (first == '\r') {
      out->append("\\r");
    } else if (length == 0 || program::IsInvisible(program::CodePoint(character))) {
      for (const char byte : character) AppendHex(byte, out);
    } else {
      absl::StrAppend(out, character);
    }
    bytes.remove_prefix(character.size());
  }
}

std::string Quote(absl::string_view bytes, absl::string_view backslash) {
  std::string text = "'";
  AppendVisible(bytes.substr(0, QuotedBytes(bytes)), backslash, &text);
  if (bytes.size() > kLongestQuote) absl::StrAppend(&text, "...");
  return absl::StrCat(text, "'");
}

// Returns the unknown escape with which `field` begins: its backslash and what follows it, as many
// characters as a known one might have.
absl::string_view UnknownEscape(absl::string_view field) {
  size_t end = 1;
  for (int left = absl::StartsWith(field, "\\x") ? 3 : 1; left > 0 && end < field.size(); --left) {
    end += std::max<size_t>(program::Utf8Length(field.substr(end)), 1);
  }
  return field.substr(0, end);
}

}  // namespace

void AppendField(absl::string_view bytes, std::string* out) { AppendVisible(bytes, "\\\\", out); }

absl::StatusOr<std::string> BytesFromField(absl::string_view field) {
  std::string bytes;
  bytes.reserve(field.size());
  while (true) {
    const size_t plain = std::min(field.find('\\'), field.size());
    bytes.append(field.data(), plain);
    field.remove_prefix(plain);
    if (field.empty()) return bytes;
    const absl::string_view escape = field.substr(0, 2);
    if (escape == "\\x" && field.size() >= 4 && HexDigit(field[2]) >= 0 &&
        HexDigit(field[3]) >= 0) {
      bytes.push_back(static_cast<char>(HexDigit(field[2]) << 4 | HexDigit(field[3])));
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
      return absl::InvalidArgumentError(absl::StrCat("unknown escape ",
                                                     QuotedField(UnknownEscape(field)),
                                                     ": known are \\\\ \\t \\n \\r \\xHH"));
    }
    field.remove_prefix(2);
  }
}

absl::StatusOr<std::string> BytesOf(absl::string_view word, bool escaped) {
  if (escaped) return BytesFromField(word);
  return std::string(word);
}

std::string Quoted(absl::string_view bytes) { return Quote(bytes, "\\\\"); }
std::string QuotedField(absl::string_view field) { return Quote(field, "\\"); }

std::string JsonString(absl::string_view utf8) {
  std::string json = "\"";
  while (true) {
    const absl::string_view plain = utf8.substr(0, PlainBytes(utf8));
    const absl::string_view unquoted = plain.substr(0, plain.find('"'));
    json.append(unquoted.data(), unquoted.size());
    utf8.remove_prefix(unquoted.size());
    if (utf8.empty()) break;
    const absl::string_view character = utf8.substr(0, program::Utf8Length(utf8));
    const uint32_t code_point = program::CodePoint(character);
    if (code_point == '"' || code_point == '\\') {
      json.push_back('\\');
      absl::StrAppend(&json, character);
    } else if (program::IsInvisible(code_point)) {
      AppendJsonEscape(code_point, &json);
    } else {
      absl::StrAppend(&json, character);
    }
    utf8.remove_prefix(character.size());
  }
  json.push_back('"');
  return json;
}

std::string FormatExpiry(absl::Time expires) {
  const int64_t seconds = absl::ToUnixSeconds(expires);
  const int64_t ns = absl::ToInt64Nanoseconds(expires - absl::FromUnixSeconds(seconds));
  return absl::StrCat(kExpiryName, seconds, ".", absl::Dec(ns, absl::kZeroPad9));
}

absl::StatusOr<absl::Time> ParseExpiry(absl::string_view field) {
  absl::string_view seconds = field;
  absl::Duration since_1970;
  if (!absl::ConsumePrefix(&seconds, kExpiryName) ||
      seconds.find_first_not_of("0123456789.") != absl::string_view::npos ||
      !absl::ParseDuration(absl::StrCat(seconds, "s"), &since_1970)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bad third field ", QuotedField(field),
        ": it can only be expires=SECONDS, of the time since 1970; a tab in a value must "
        "be escaped"));
  }
  return absl::UnixEpoch() + since_1970;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text,
                                             bool may_be_zero) {
  constexpr absl::Duration kNone = -absl::InfiniteDuration();
  double seconds;
  absl::Duration duration;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = seconds >= 0 ? absl::Seconds(seconds) : kNone;  // false for NaN
  } else if (!ParseUnits(text, &duration)) {
    duration = kNone;
  }
  if (duration > absl::ZeroDuration()) return duration;
  if (may_be_zero && duration == absl::ZeroDuration()) return duration;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", Quoted(text), " is not a duration", may_be_zero ? "" : " above 0",
                   ": give seconds, or a number with ms, s, m, h, d or w"));
}

}  // namespace cubby::cli
