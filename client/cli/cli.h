// The command line of `cubby`: what its subcommands have in common. Each group of subcommands has a
// file of its own, with one function here that adds them.
//
// Each subcommand reads its words by itself, with a CLI::App that knows of no others: to a
// subcommand of another App, CLI11 gives the names of all subcommands and "++" a meaning of their
// own, and they are keys and values like any other.
#ifndef CUBBY_CLIENT_CLI_CLI_H_
#define CUBBY_CLIENT_CLI_CLI_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/admin.h"
#include "client/store.h"
#include "os/exit_code.h"

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

class Cli {
 public:
  Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  // Adds subcommand `name`; `run` is what it does once its options are read. `summary` is its line
  // in the list of subcommands; its help ends with `notes`, which say the rest and give examples.
  CLI::App* Add(const std::string& name, const std::string& summary, const std::string& notes,
                std::function<os::ExitCode(const StoreOptions&)> run);
  // The same for a `run` that wants the store opened.
  CLI::App* AddForStore(const std::string& name, Mode mode, const std::string& summary,
                        const std::string& notes, std::function<os::ExitCode(Store&)> run);

  // Reads the command line and does what it says. `arguments` has not the program's name.
  os::ExitCode Run(std::vector<std::string> arguments);

 private:
  struct Command {
    std::string name;
    std::unique_ptr<CLI::App> app;
    std::function<os::ExitCode(const StoreOptions&)> run;
  };

  std::string Help() const;
  const Command* Find(absl::string_view name) const;

  CLI::App app_;  // for what comes before the subcommand's name
  StoreOptions store_options_;
  std::vector<Command> commands_;
};

// Adds option `name`, which takes a duration (text.h); *duration stays what it is without it.
void AddDuration(CLI::App* app, const std::string& name, absl::Duration* duration,
                 const std::string& help);

// Help that options of several subcommands share.
inline constexpr char kTtlHelp[] =
    "How long to live: seconds, or as in 500ms, 5m, 1h30m; else for ever";
inline constexpr char kEntryJsonHelp[] =
    "As JSON: key, value, revision, ttl_seconds; bytes that are not\n"
    "UTF-8 are in key_base64 or value_base64 instead";

void AddKeyCommands(Cli* cli);      // get put add replace del exists
void AddListingCommands(Cli* cli);  // scan count load verify
void AddAdminCommands(Cli* cli);    // ping info stats flush check shutdown
void AddBenchCommand(Cli* cli);     // bench
void AddVersionCommand(Cli* cli);   // version

}  // namespace cubby::cli

#endif  // CUBBY_CLIENT_CLI_CLI_H_
