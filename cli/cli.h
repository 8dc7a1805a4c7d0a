// The command line of `cubby`: what its subcommands have in common. Each group of subcommands has a
// file of its own, with a table of them.
//
// A process that gets one key is over in half a millisecond, so nothing is made ready that it does
// not need: a subcommand is defined when it is the one that the user names, and the headers of
// CLI11, which make objects in each file that includes them, are included in cli.cc only.
#ifndef CUBBY_CLI_CLI_H_
#define CUBBY_CLI_CLI_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/admin.h"
#include "client/store.h"
#include "program/exit_code.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace cubby::cli {

// Which store, and how to reach it: -s/--store, --owner and --timeout, taken before or after the
// subcommand's name.
class StoreOptions {
 public:
  // The environment's CUBBY_STORE and CUBBY_OWNER are the defaults.
  StoreOptions();
  void AddTo(CLI::App* app);

  // Errors of the options are InvalidArgument; else as Store::Open and Admin::Connect. A store that
  // does not exist is NotFound from both.
  absl::StatusOr<std::unique_ptr<Store>> Open(Mode mode) const;
  absl::StatusOr<std::unique_ptr<Admin>> Connect() const;

  const std::string& store() const { return store_; }

 private:
  std::string store_;
  std::string owner_;
  absl::Duration timeout_;  // zero: not given
};

// A subcommand while it is being defined: its options, its help, and what it does. What is given to
// the Add functions as a pointer is set when the options are read.
class Subcommand {
 public:
  explicit Subcommand(CLI::App* app) : app_(app) {}

  // What its help ends with: all that its summary does not say, and examples.
  void Notes(const std::string& notes);

  // A word that must be there, known by its place.
  void AddWord(const std::string& name, std::string* value, const std::string& help);
  // An option; *value stays what it is without it. `type` is what the help calls its value.
  void AddText(const std::string& name, const std::string& type, std::string* value,
               const std::string& help);
  void AddFlag(const std::string& name, bool* value, const std::string& help);
  // One that takes a number from `least` to `most`.
  void AddNumber(const std::string& name, int least, int most, int* value, const std::string& help);
  // One that takes a duration (text.h).
  void AddDuration(const std::string& name, absl::Duration* value, const std::string& help);

  // What it does once its options are read.
  void Do(std::function<program::ExitCode(const StoreOptions&)> run) { run_ = std::move(run); }
  // The same for a `run` that wants the store opened.
  void DoWithStore(Mode mode, std::function<program::ExitCode(Store&)> run);

  program::ExitCode Run(const StoreOptions& store_options) const { return run_(store_options); }

 private:
  CLI::App* const app_;
  std::function<program::ExitCode(const StoreOptions&)> run_;
};

struct Command {
  const char* name;
  const char* summary;  // its line in the list of subcommands
  void (*define)(Subcommand* subcommand);
};

absl::Span<const Command> KeyCommands();      // get put add replace del exists
absl::Span<const Command> ListingCommands();  // scan count load verify
absl::Span<const Command> AdminCommands();    // ping info stats flush check shutdown
absl::Span<const Command> BenchCommands();    // bench
absl::Span<const Command> VersionCommands();  // version

// Reads the command line and does what it says. `arguments` has not the program's name.
program::ExitCode Run(std::vector<std::string> arguments);

// Help that options of several subcommands share.
inline constexpr char kTtlHelp[] =
    "How long to live: seconds, or as in 500ms, 5m, 1h30m; else for ever";
inline constexpr char kJsonHelp[] = "As a JSON object";
inline constexpr char kEntryJsonHelp[] =
    "As JSON: key, value, revision, ttl_seconds; bytes that are not\n"
    "UTF-8 are in key_base64 or value_base64 instead";

}  // namespace cubby::cli

#endif  // CUBBY_CLI_CLI_H_
