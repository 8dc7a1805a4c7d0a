// Text forms of arbitrary bytes: as a field of a line, as a JSON string, and in a message.
//
// In a field, valid UTF-8 is unchanged, except
//   \\  a backslash      \t  a tab      \n  a line feed      \r  a carriage return
//   \xHH  each byte of any other control character, and each byte that is not valid UTF-8
// A field therefore contains neither a tab nor a line end, is harmless on a terminal, and decodes
// to the original bytes. Control characters are U+0000 to U+001F, U+007F to U+009F (terminals
// execute these like escape sequences), the line and paragraph separators U+2028 and U+2029, and
// those that change the direction of the following text, U+202A to U+202E and U+2066 to U+2069.
// Marks and joiners such as U+200D are unchanged: words and emoji contain them.
#ifndef CUBBY_CLI_TEXT_H_
#define CUBBY_CLI_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cubby::cli {

// Appends `bytes` to *out as a field.
void AppendField(absl::string_view bytes, std::string* out);

// Returns the bytes that `field` encodes. InvalidArgument, naming the escape, for an escape other
// than those above.
absl::StatusOr<std::string> BytesFromField(absl::string_view field);

// Returns `bytes` for a message: as a field, in quotes, shortened if long.
std::string Quoted(absl::string_view bytes);

bool IsUtf8(absl::string_view bytes);

// Returns `utf8` as a JSON string, quotes included, with control characters as \uHHHH. REQUIRES:
// IsUtf8(utf8).
std::string JsonString(absl::string_view utf8);

// Parses a duration: "30s", "1h30m", "500ms", "7d", "1w", or a plain number of seconds. A day has
// 24 hours. InvalidArgument, naming `option`, unless it is above 0.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_TEXT_H_
