// Text forms of arbitrary bytes: as a field of a line, as a JSON string, and in a message.
//
// In a field, valid UTF-8 is unchanged, except
//   \\  a backslash      \t  a tab      \n  a line feed      \r  a carriage return
//   \xHH  each byte of any other invisible character (program::IsInvisible), and each byte that is
//         not valid UTF-8
// A field therefore contains neither a tab nor a line end, is harmless on a terminal, and decodes
// to the original bytes. Fields of different bytes look different, but for letters that look alike.
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

// Returns the bytes of an argument: those that `word` encodes as a field if `escaped`, else `word`.
// Errors as BytesFromField().
absl::StatusOr<std::string> BytesOf(absl::string_view word, bool escaped);

// Returns `bytes` for a message: as a field, in quotes, shortened between characters if long.
std::string Quoted(absl::string_view bytes);
// The same for text that is a field already, or should be: its backslashes stay as they are.
std::string QuotedField(absl::string_view field);

// Returns `utf8` as a JSON string, quotes included, with invisible characters as \uHHHH. REQUIRES:
// program::IsUtf8(utf8).
std::string JsonString(absl::string_view utf8);

// Returns the field that states an entry's expiry, "expires=1764338310.25": seconds since 1970 UTC,
// with 9 digits of fraction. The time of day, so that a file of entries can be loaded later, after
// a reboot or on another machine, and its entries still expire when they would have.
std::string FormatExpiry(absl::Time expires);
// Returns the time that such a field states. InvalidArgument, naming it, for any other field.
absl::StatusOr<absl::Time> ParseExpiry(absl::string_view field);

// Parses a duration: "30s", "1h30m", "500ms", "7d", "1w", or a plain number of seconds. A day has
// 24 hours. InvalidArgument, naming `option`, unless it is above 0, or is 0 and `may_be_zero`.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text,
                                             bool may_be_zero = false);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_TEXT_H_
