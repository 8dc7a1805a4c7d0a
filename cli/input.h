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
#include "client/store.h"

namespace cubby::cli {

// Returns the contents of `file`. OutOfRange if they exceed `max_bytes`; Internal if reading fails.
// `name` denotes the file in messages.
absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes);

// Calls `visit` with the entry of each line of standard input, in order, until `visit` fails. Each
// line is visited as soon as it has arrived, without waiting for later lines.
//
// A line is key, tab, value; the first tab separates them. It ends with LF, with CR LF, or at the
// end of the input. If `escaped`, key and value are fields (text.h), the format that `scan` prints.
// Otherwise they are taken literally: a key cannot contain a tab, neither can contain a line feed,
// and a value cannot end with a carriage return.
//
// Error messages, those of `visit` included, begin with the line number. Returns InvalidArgument
// for a line without a tab or with an unknown escape, OutOfRange for a line longer than any entry
// of a store of these limits, Internal if reading fails.
absl::Status ForEachInputEntry(
    const Limits& limits, bool escaped,
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_INPUT_H_
