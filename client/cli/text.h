// How arbitrary bytes are written as text: as a field of a line, in JSON, and in a message.
//
// As a field, bytes that are valid UTF-8 stay what they are, except
//   \\  a backslash      \t  a tab      \n  a line feed      \r  a carriage return
//   \xHH  any other control character, and each byte that is not part of valid UTF-8
// so that a field holds neither tab nor line end, is harmless on a terminal, and gives the bytes
// back exactly.
#ifndef CUBBY_CLIENT_CLI_TEXT_H_
#define CUBBY_CLIENT_CLI_TEXT_H_

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

// `utf8` as a JSON string, quotes included. REQUIRES: IsUtf8(utf8).
std::string JsonString(absl::string_view utf8);

// A duration as people write it: "30s", "1h30m", "500ms", or a plain number of seconds. Must be
// more than 0. InvalidArgument, naming `option`, otherwise.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view option, absl::string_view text);

}  // namespace cubby::cli

#endif  // CUBBY_CLIENT_CLI_TEXT_H_
