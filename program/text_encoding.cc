#include "program/text_encoding.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"

namespace cubby::program {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

// Of Unicode 15, in ascending order. Neighbours are merged, unassigned code points within a range
// included.
constexpr Range kInvisible[] = {
    {0x0000, 0x001f},    // C0 controls
    {0x007f, 0x00a0},    // DEL; C1 controls, which terminals execute; no-break space
    {0x00ad, 0x00ad},    // soft hyphen
    {0x034f, 0x034f},    // combining grapheme joiner
    {0x061c, 0x061c},    // Arabic letter mark
    {0x115f, 0x1160},    // Hangul fillers
    {0x1680, 0x1680},    // Ogham space
    {0x17b4, 0x17b5},    // Khmer inherent vowels
    {0x180b, 0x180f},    // Mongolian selectors and vowel separator
    {0x2000, 0x200f},    // spaces, joiners, direction marks
    {0x2028, 0x202f},    // line and paragraph separators, directions, narrow no-break space
    {0x205f, 0x206f},    // mathematical space, word joiner, invisible operators, directions
    {0x2800, 0x2800},    // blank Braille pattern
    {0x3000, 0x3000},    // ideographic space
    {0x3164, 0x3164},    // Hangul filler
    {0xfe00, 0xfe0f},    // variation selectors
    {0xfeff, 0xfeff},    // byte order mark
    {0xffa0, 0xffa0},    // half-width Hangul filler
    {0xfff0, 0xfffb},    // interlinear annotations
    {0x13430, 0x1343f},  // Egyptian format controls
    {0x16fe4, 0x16fe4},  // Khitan filler
    {0x1bca0, 0x1bca3},  // shorthand format controls
    {0x1d173, 0x1d17a},  // musical format controls
    {0xe0000, 0xe0fff},  // tags, variation selectors
};

// Returns true if every second byte of `bytes` is NUL, from `first` on, and no other is.
bool EverySecondIsNul(absl::string_view bytes, size_t first) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] == '\0') != (i % 2 == first)) return false;
  }
  return true;
}

}  // namespace

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

bool IsUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

uint32_t CodePoint(absl::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  uint32_t code_point = first & (0x7fu >> character.size());
  for (const char byte : character.substr(1)) {
    code_point = code_point << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
  }
  return code_point;
}

bool IsInvisible(uint32_t code_point) {
  const Range* const range =
      std::lower_bound(std::begin(kInvisible), std::end(kInvisible), code_point,
                       [](const Range& known, uint32_t value) { return known.last < value; });
  return range != std::end(kInvisible) && range->first <= code_point;
}

bool IsUtf16(absl::string_view line) {
  for (const absl::string_view mark : {absl::string_view("\xff\xfe"), absl::string_view("\xfe\xff"),
                                       absl::string_view("\0\0\xfe\xff", 4)}) {
    if (absl::StartsWith(line, mark)) return true;
  }
  return line.size() >= 4 && (EverySecondIsNul(line, 0) || EverySecondIsNul(line, 1));
}

}  // namespace cubby::program
