// The command line of `cubby`: the options and types that all subcommands share. Each group of
// subcommands has a file of its own with a table of its commands.
//
// `cubby get` of one key takes half a millisecond, so start-up does only what the subcommand needs:
// only the subcommand that the user names is defined, and only cli.cc includes the headers of
// CLI11, which define objects with constructors in each file that includes them.
#ifndef CUBBY_CLI_CLI_H_
#define CUBBY_CLI_CLI_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "client/admin.h"
#include "client/store.h"
#include "program/exit_code.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace cubby::cli {

// Help texts of options that several subcommands have.
inline constexpr char kTtlHelp[] =
    "Lifetime in seconds, or as in 500ms, 5m, 1h30m, 7d, 1w [unlimited]";
inline constexpr char kKeepTtlHelp[] =
    "Leave an entry that exists its lifetime; --ttl is then for a new one";
inline constexpr char kNewTtlHelp[] = "Lifetime of a new entry, as in `cubby put` [unlimited]";
inline constexpr char kJsonHelp[] = "Print a JSON object";
inline constexpr char kEntryJsonHelp[] =
    "Print JSON: key, value, revision, ttl_seconds; key_base64 or\n"
    "value_base64 instead if the bytes are not UTF-8";

// The options that select a store, and say how long to wait for it: -s/--store, --owner, --timeout
// and --wait. Accepted before and after the subcommand's name.
class StoreOptions {
 public:
  // Defaults: the environment variables CUBBY_STORE and CUBBY_OWNER.
  StoreOptions();
  void AddTo(CLI::App* app);

  // Wait for as long as --wait says until there is a store, or a daemon, and up to --timeout until
  // a store that is being made is complete; then DeadlineExceeded. Other errors: those of
  // Store::Open and Admin::Connect, and InvalidArgument if no store is named. Both return NotFound
  // if the store does not exist.
  absl::StatusOr<std::unique_ptr<Store>> Open(Mode mode) const;
  absl::StatusOr<std::unique_ptr<Admin>> Connect() const;

  const std::string& store() const { return store_; }
  // 0 if not given.
  absl::Duration timeout() const { return timeout_; }
  // Whose store to trust; "" for the default.
  const std::string& owner() const { return owner_; }
  // True if the command line names the store, and not the environment alone.
  bool named() const { return named_; }

 private:
  // What one attempt to reach a store, or its daemon, has met.
  struct Attempt {
    enum Outcome { kFinal, kNothingThere, kInTheMaking } outcome;
    absl::Status status;
  };
  // Attempts it until that is final, or until as long as Open() and Connect() wait; returns the
  // last status.
  absl::Status Await(absl::FunctionRef<Attempt()> attempt) const;
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(Mode mode) const;
  absl::Duration LockTimeout() const;

  std::string store_;
  bool named_ = false;
  std::string owner_;
  absl::Duration timeout_;  // 0 if not given
  absl::Duration wait_;     // 0 if not given
};

// Opens the store and returns what `run` returns; prints why if it cannot be opened.
program::ExitCode WithStore(const StoreOptions& options, Mode mode,
                            absl::FunctionRef<program::ExitCode(Store&)> run);

// A subcommand: its options, its help and its action. The Add functions store through their pointer
// argument when the command line is parsed.
class Subcommand {
 public:
  explicit Subcommand(CLI::App* app) : app_(app) {}

  // Sets the end of the help text: details beyond the summary, and examples.
  void Notes(const std::string& notes);

  // Adds a required positional argument.
  void AddWord(const std::string& name, std::string* value, const std::string& help);
  // Adds a positional argument that takes all remaining words, at least one if `required`.
  void AddWords(const std::string& name, bool required, std::vector<std::string>* words,
                const std::string& help);
  // Adds an option; without it *value is unchanged. `type` names the value in the help text.
  void AddText(const std::string& name, const std::string& type, absl::optional<std::string>* value,
               const std::string& help);
  // Adds an option whose value is a list of names, separated by commas.
  void AddNames(const std::string& name, const std::string& type, std::vector<std::string>* value,
                const std::string& help);
  // Adds an option, or an argument that may be left out, whose value is a whole number of 64 bits.
  void AddInteger(const std::string& name, absl::optional<int64_t>* value, const std::string& help);
  // Adds an option whose value is a revision.
  void AddRevision(const std::string& name, bool required, absl::optional<uint64_t>* value,
                   const std::string& help);
  void AddFlag(const std::string& name, bool* value, const std::string& help);
  // Adds --json.
  void AddJson(bool* value, const std::string& help = kJsonHelp);
  // Adds an option whose value is a number from `least` to `most`.
  void AddNumber(const std::string& name, int least, int most, int* value, const std::string& help);
  // Adds an option whose value is a duration (text.h).
  void AddDuration(const std::string& name, absl::Duration* value, const std::string& help);

  // Sets the action, which runs after the command line has been parsed.
  void Do(std::function<program::ExitCode(const StoreOptions&)> run) { run_ = std::move(run); }
  // As Do(), but opens the store first.
  void DoWithStore(Mode mode, std::function<program::ExitCode(Store&)> run);
  // The same for actions that also take *options, the subcommand's own.
  template <typename Options, typename Action>
  void Do(std::shared_ptr<Options> options, Action run) {
    Do([options = std::move(options), run](const StoreOptions& store_options) {
      return run(store_options, *options);
    });
  }
  template <typename Options, typename Action>
  void DoWithStore(Mode mode, std::shared_ptr<Options> options, Action run) {
    DoWithStore(mode,
                [options = std::move(options), run](Store& store) { return run(store, *options); });
  }

  program::ExitCode Run(const StoreOptions& store_options) const { return run_(store_options); }

 private:
  CLI::App* const app_;
  std::function<program::ExitCode(const StoreOptions&)> run_;
};

struct Command {
  const char* name;
  const char* summary;  // one line for the list of subcommands
  void (*define)(Subcommand* subcommand);
};

absl::Span<const Command> KeyCommands();      // get mget put add replace cas del exists
absl::Span<const Command> UpdateCommands();   // incr decr append getset getdel touch ttl persist
absl::Span<const Command> ListingCommands();  // scan count
absl::Span<const Command> FileCommands();     // dump load verify
absl::Span<const Command> WatchCommands();    // watch
absl::Span<const Command> AdminCommands();    // ping info stats flush check shutdown
absl::Span<const Command> StoresCommands();   // ls clean
absl::Span<const Command> DoctorCommands();   // doctor
absl::Span<const Command> BenchCommands();    // bench
absl::Span<const Command> TraceCommands();    // trace
absl::Span<const Command> VersionCommands();  // version

// Executes a command line. `arguments` excludes the program's name.
program::ExitCode Run(std::vector<std::string> arguments);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_CLI_H_
