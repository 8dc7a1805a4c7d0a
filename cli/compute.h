// get --or-run: a command of the shell computes the value of a key that has none.
#ifndef CUBBY_CLI_COMPUTE_H_
#define CUBBY_CLI_COMPUTE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "cli/cli.h"
#include "client/store.h"

namespace cubby::cli {

struct OrRunOptions {
  absl::optional<std::string> command;
  ComputeOptions compute;

  bool given() const { return command.has_value(); }
};
void AddOrRun(Subcommand* subcommand, OrRunOptions* options);
// InvalidArgument if an option is given that has a meaning only beside --or-run.
absl::Status CheckOrRun(const OrRunOptions& options);

// Gets the value, or runs the command for it, while other processes wait for the same key. Prints
// a message if the value is not stored. Errors as Store::GetOrCompute() and os::RunShell().
absl::StatusOr<Computed> GetOrRun(Store& store, const OrRunOptions& options, absl::string_view key,
                                  std::string* value);

// "found", "stale" or "computed".
absl::string_view NameOf(Computed::Source source);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_COMPUTE_H_
