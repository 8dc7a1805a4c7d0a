// Which bytes are text, and which of its characters a reader cannot see.
#ifndef CUBBY_PROGRAM_TEXT_ENCODING_H_
#define CUBBY_PROGRAM_TEXT_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace cubby::program {

// Returns the length of the UTF-8 sequence at the start of `bytes`; 0 if there is none. Overlong
// forms, surrogates and code points above U+10FFFF are invalid, as in JSON.
size_t Utf8Length(absl::string_view bytes);

bool IsUtf8(absl::string_view bytes);

// Returns the code point of `character`, which is one UTF-8 sequence.
uint32_t CodePoint(absl::string_view character);

// Returns true for characters that show nothing, look like a space without being U+0020, or change
// how a terminal shows other characters: Unicode's control characters (General_Category Cc), its
// Default_Ignorable_Code_Point, and its White_Space but U+0020. Joiners and variation selectors,
// which words and emoji contain, are among them: two strings that differ look different.
bool IsInvisible(uint32_t code_point);

// The byte order mark in UTF-8, U+FEFF, with which some editors begin a file.
inline constexpr absl::string_view kUtf8Mark = "\xef\xbb\xbf";

// Returns "UTF-16 text: convert it to UTF-8 (iconv ...)", or the same of UTF-32, if `line`, the
// first line of a file without its LF, is such text: if it begins with a byte order mark of these,
// or if its NULs are those of ASCII characters in these. Empty otherwise.
std::string OtherEncoding(absl::string_view line);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_TEXT_ENCODING_H_
