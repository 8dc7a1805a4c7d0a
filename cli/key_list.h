// The arguments of subcommands about many keys: KEY..., - for standard input, and --prefix.
#ifndef CUBBY_CLI_KEY_LIST_H_
#define CUBBY_CLI_KEY_LIST_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "cli/cli.h"
#include "cli/input.h"

namespace cubby::cli {

// The KEY... arguments.
struct KeyListOptions {
  std::vector<std::string> words;
  KeyEncoding encoding;

  // Returns true if standard input has the keys.
  bool from_input() const { return words.size() == 1 && words.front() == "-"; }
};
// `null_help` is that of -0.
void AddKeyList(Subcommand* subcommand, bool required, const std::string& null_help,
                KeyListOptions* keys);
// Calls `visit` as ForEachInputKeys() does, with the keys of the arguments or of standard input.
absl::Status ForEachKeys(
    const Limits& limits, const KeyListOptions& keys,
    absl::FunctionRef<absl::Status(absl::Span<const absl::string_view> keys)> visit);

// The option --prefix. `escaped` tells whether it is a field (text.h), as the subcommand's
// --escaped says.
struct PrefixOptions {
  absl::optional<std::string> word;
  bool escaped = false;
};
void AddPrefix(Subcommand* subcommand, const std::string& help, PrefixOptions* prefix);
// Adds --prefix, and --escaped for it alone, of a subcommand that works on all entries without.
void AddOnlyPrefix(Subcommand* subcommand, PrefixOptions* prefix);
// Returns the bytes; none if there is no --prefix.
absl::StatusOr<std::string> PrefixOf(const PrefixOptions& prefix);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_KEY_LIST_H_
