#include "program/text_encoding.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

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

// Returns true if `bytes` are some units of `unit` bytes, the last perhaps cut short, in each of
// which the byte at `place` is not NUL and the others are.
bool AreAsciiUnits(absl::string_view bytes, size_t unit, size_t place) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] == '\0') != (i % unit != place)) return false;
  }
  return true;
}

constexpr struct {
  absl::string_view mark;  // UTF-32's before UTF-16's, which may begin as they do
  absl::string_view name;  // iconv(1) finds the byte order by the mark
} kMarks[] = {
    {absl::string_view("\xff\xfe\0\0", 4), "UTF-32"},
    {absl::string_view("\0\0\xfe\xff", 4), "UTF-32"},
    {"\xff\xfe", "UTF-16"},
    {"\xfe\xff", "UTF-16"},
};

constexpr struct {
  size_t unit;
  size_t place;
  absl::string_view name;
} kUnits[] = {
    {2, 0, "UTF-16LE"},
    {2, 1, "UTF-16BE"},
    {4, 0, "UTF-32LE"},
    {4, 3, "UTF-32BE"},
};
constexpr size_t kLeastUnits = 2;

// Returns iconv(1)'s name of the encoding, empty if there is no reason to think that it is another
// one than UTF-8.
absl::string_view NameOfEncoding(absl::string_view line) {
  for (const auto& known : kMarks) {
    if (absl::StartsWith(line, known.mark)) return known.name;
  }
  for (const auto& known : kUnits) {
    if (line.size() >= kLeastUnits * known.unit && AreAsciiUnits(line, known.unit, known.place)) {
      return known.name;
    }
  }
  return "";
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

std::string OtherEncoding(absl::string_view line) {
  const absl::string_view name = NameOfEncoding(line);
  if (name.empty()) return "";
  return absl::StrCat(name.substr(0, 6), " text: convert it to UTF-8 (iconv -f ", name,
                      " -t UTF-8)");
}

}  // namespace cubby::program
