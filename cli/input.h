// Input of the command: a whole value, or lines with one entry each.
#ifndef CUBBY_CLI_INPUT_H_
#define CUBBY_CLI_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "client/store.h"

namespace cubby::cli {

// Returns the contents of `file`. OutOfRange if they exceed `max_bytes`; Internal if reading fails.
// `name` denotes the file in messages.
absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes);

// The entry in a line. The views are valid until the next line is read.
struct InputEntry {
  absl::string_view key;
  absl::string_view value;
  absl::optional<absl::Time> expires;  // none: the line states no expiry
  bool literal = false;                // key and value are the line's bytes: none was decoded
};

// Calls `visit` with each line of standard input, in order, until `visit` fails, and returns its
// error. Each line is visited as soon as it has arrived, without waiting for later lines. `number`
// counts lines from 1. `entry` is the entry in the line, or why there is none: InvalidArgument for
// a line without a tab, with an unknown escape or a bad expiry, OutOfRange for a line longer than
// any entry of a store of these limits.
//
// Input that begins as a dump (dump.h) is read as one, whether `escaped` or not, and its damage
// reported as that of a line. Otherwise:
//
// A line is key, tab, value; the first tab separates them. It ends with LF, with CR LF, or at the
// end of the input. If `escaped`, key and value are fields (text.h), and a third field may state
// the entry's expiry (FormatExpiry()): the format that `scan` prints. Otherwise they are taken
// literally: a key cannot contain a tab, neither can contain a line feed, and a value cannot end
// with a carriage return. A value whose last tab is followed by such an expiry is refused, as
// InvalidArgument: the line is one that `scan` printed; and so is a line of `dump` by itself.
//
// A byte order mark in UTF-8 at the start of a line is no part of the key: it is left out, and a
// message says so. (Files with one may have been joined.) Returns InvalidArgument if the first line
// shows that the input is UTF-16 or UTF-32 text, Internal, with the number of the line, if reading
// fails.
absl::Status ForEachInputLine(
    const Limits& limits, bool escaped,
    absl::FunctionRef<absl::Status(uint64_t number, const absl::StatusOr<InputEntry>& entry)>
        visit);

// How keys are written in standard input.
struct KeyEncoding {
  bool escaped = false;  // as fields (text.h)
  bool null = false;     // each followed by NUL, and not by a line end
};

// Calls `visit` with the keys in standard input, one a line, in order, until it fails, and returns
// its error. Visits those that have arrived together, at most kKeysPerVisit, and does not wait for
// more while it has some. Errors besides, after the keys before have been visited: InvalidArgument
// for a key with an unknown escape and OutOfRange for a key that is longer than any of a store of
// these limits, both with the number of the line (or key); those of ForEachInputLine() about the
// whole input.
inline constexpr size_t kKeysPerVisit = 256;
absl::Status ForEachInputKeys(
    const Limits& limits, const KeyEncoding& encoding,
    absl::FunctionRef<absl::Status(absl::Span<const absl::string_view> keys)> visit);

// Returns "line NUMBER: " before the message of `status`.
absl::Status AtLine(uint64_t number, const absl::Status& status);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_INPUT_H_
