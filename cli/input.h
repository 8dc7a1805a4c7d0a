// What the command takes in to put: a whole value, or lines that hold an entry each.
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

// All that `file` holds. OutOfRange, naming the limit, if that is more than `max_bytes`; Internal
// if it cannot be read. `name` is what messages call it.
absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes);

// Calls `visit` with the entry of every line of standard input, in order, until it fails. Each line
// is visited as soon as it is there, while whoever writes the next ones takes their time.
//
// A line is key, tab, value; the first tab parts them. It ends with a line feed, or a carriage
// return and a line feed, or where the input ends. With `escaped`, key and value are fields
// (text.h): what `scan` prints. Without, they are taken as they are, so that neither a tab in a key
// nor a line feed, nor a carriage return at the end of a value, can be written.
//
// Errors, of `visit` too, begin with the line's number. InvalidArgument: a line without a tab, or
// an unknown escape. OutOfRange: a line longer than any entry that a store of these limits takes.
// Internal: the input cannot be read.
absl::Status ForEachInputEntry(
    const Limits& limits, bool escaped,
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_INPUT_H_
