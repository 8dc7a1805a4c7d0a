// What the subcommands about one entry have in common: the arguments KEY and VALUE, and how a value
// is printed.
#ifndef CUBBY_CLI_ENTRY_H_
#define CUBBY_CLI_ENTRY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/cli.h"

namespace cubby::cli {

// The KEY argument.
struct KeyOptions {
  std::string word;
  bool escaped = false;
};
void AddKey(Subcommand* subcommand, KeyOptions* key);
absl::StatusOr<std::string> KeyOf(const KeyOptions& key);

// The VALUE argument.
struct ValueOptions {
  std::string word;
  bool literal = false;
};
void AddValue(Subcommand* subcommand, ValueOptions* value);
// Returns the bytes that VALUE denotes: itself, or the contents of a file or of standard input.
absl::StatusOr<std::string> ReadValue(const ValueOptions& value, uint64_t max_bytes);

// Defines a subcommand whose only argument is KEY.
void DefineKeyOnly(Subcommand* subcommand, Mode mode, const std::string& notes,
                   program::ExitCode (*run)(Store&, const std::string& key));

// Prints "PREFIXVALUE", and a line end on a terminal.
program::ExitCode PrintValue(absl::string_view prefix, absl::string_view value);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_ENTRY_H_
