#include "client/cli/text.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cubby::cli {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr size_t kLongestQuote = 80;

void AppendHex(char byte, absl::string_view prefix, std::string* out) {
  const auto value = static_cast<unsigned char>(byte);
  absl::StrAppend(out, prefix);
  out->push_back(kHexDigits[value >> 4]);
  out->push_back(kHexDigits[value & 15]);
}

// The length of the UTF-8 sequence that `bytes` begins with; 0 if that is none. Neither overlong
// forms nor surrogates nor anything past U+10FFFF count: JSON allows none of them.
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

}  // namespace

void AppendField(absl::string_view bytes, std::string* out) {
  while (!bytes.empty()) {
    const char first = bytes.front();
    const size_t length = Utf8Length(bytes);
    if (first == '\\') {
      out->append("\\\\");
    } else if (first == '\t') {
      out->append("\\t");
    } else if (first == '\n') {
      out->append("\\n");
    } else if (first == '\r') {
      out->append("\\r");
    } else if (length == 0 || absl::ascii_iscntrl(static_cast<unsigned char>(first))) {
      AppendHex(first, "\\x", out);
    } else {
      out->append(bytes.data(), length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
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
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      AppendHex(c, "\\u00", &json);
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text) {
  double seconds;
  absl::Duration duration;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = seconds > 0 ? absl::Seconds(seconds) : absl::ZeroDuration();  // a NaN is not
  } else if (!absl::ParseDuration(text, &duration)) {
    duration = absl::ZeroDuration();
  }
  if (duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", Quoted(text),
                     " is not a duration above 0: give seconds, or a number with ms, s, m or h"));
  }
  return duration;
}

}  // namespace cubby::cli
