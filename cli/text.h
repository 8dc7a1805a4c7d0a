// How arbitrary bytes are written as text: as a field of a line, in JSON, and in a message.
//
// As a field, bytes that are valid UTF-8 stay what they are, except
//   \\  a backslash      \t  a tab      \n  a line feed      \r  a carriage return
//   \xHH  each byte of any other control character, and each that is not part of valid UTF-8
// so that a field holds neither tab nor line end, is harmless on a terminal, and gives the bytes
// back exactly. Control characters are U+0000 to U+001F, U+007F to U+009F (which terminals obey as
// they do an escape sequence), the line and paragraph separators U+2028 and U+2029, and those that
// show the text after them in another order, U+202A to U+202E and U+2066 to U+2069. Marks and
// joiners such as U+200D stay: words and emoji are written with them.
#ifndef CUBBY_CLI_TEXT_H_
#define CUBBY_CLI_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::cli {

// Appends `bytes` to *out as a field.
void AppendField(absl::string_view bytes, std::string* out);

// The bytes that `field` stands for. InvalidArgument, naming the escape, if one is not of those
// above.
absl::StatusOr<std::string> BytesFromField(absl::string_view field);

// 'bytes' for a message: as a field, in quotes, and cut short if it is long.
std::string Quoted(absl::string_view bytes);

bool IsUtf8(absl::string_view bytes);

// `utf8` as a JSON string, quotes included, with control characters as \uHHHH. REQUIRES:
// IsUtf8(utf8).
std::string JsonString(absl::string_view utf8);

// A duration as people write it: "30s", "1h30m", "500ms", or a plain number of seconds. Must be
// more than 0. InvalidArgument, naming `option`, otherwise.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_TEXT_H_
