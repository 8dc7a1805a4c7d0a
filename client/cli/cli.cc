#include "client/cli/cli.h"

#include <CLI/Error.hpp>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/output.h"
#include "client/cli/status.h"
#include "client/cli/text.h"
#include "os/version.h"

namespace cubby::cli {
namespace {

constexpr char kDescription[] =
    "Looks keys up, and puts them, in a store that cubbyd shares with every process on this "
    "machine.";

constexpr char kExitCodes[] =
    "Exit codes: 0 done, 1 no such key or condition false, 2 usage, 3 no such store, 4 full or "
    "too\n"
    "large, 5 not permitted, 6 incompatible version, 7 timed out or contended, 8 damaged, 9 no "
    "daemon,\n"
    "10 other errors of the system.";

std::string Environment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

absl::Status NoStoreNamed() {
  return absl::InvalidArgumentError("which store? give --store NAME or set CUBBY_STORE");
}

}  // namespace

StoreOptions::StoreOptions()
    : store_(Environment("CUBBY_STORE")), owner_(Environment("CUBBY_OWNER")) {}

void StoreOptions::AddTo(CLI::App* app) {
  app->add_option("-s,--store", store_, "The store; else $CUBBY_STORE")->type_name("NAME");
  app->add_option("--owner", owner_,
                  "Whose store to trust, a uid (Windows: a SID) or 'any'; else\n"
                  "$CUBBY_OWNER; else only yours and the administrator's")
      ->type_name("USER");
  app->add_option("--timeout", timeout_,
                  "How long to wait for other writers [5s] or the daemon [30s]:\n"
                  "seconds, or as in 500ms, 2m")
      ->type_name("TIME");
}

absl::StatusOr<std::unique_ptr<Store>> StoreOptions::Open(Mode mode) const {
  if (store_.empty()) return NoStoreNamed();
  OpenOptions options;
  options.mode = mode;
  options.owner = owner_;
  options.survive_truncation = true;
  if (!timeout_.empty()) {
    const absl::StatusOr<absl::Duration> timeout = ParseDuration("--timeout", timeout_);
    if (!timeout.ok()) return timeout.status();
    options.lock_timeout = *timeout;
  }
  return Store::Open(store_, options);
}

absl::StatusOr<std::unique_ptr<Admin>> StoreOptions::Connect() const {
  if (store_.empty()) return NoStoreNamed();
  absl::Duration timeout = absl::Seconds(30);
  if (!timeout_.empty()) {
    const absl::StatusOr<absl::Duration> given = ParseDuration("--timeout", timeout_);
    if (!given.ok()) return given.status();
    timeout = *given;
  }
  absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store_, timeout);
  if (!absl::IsUnavailable(admin.status())) return admin;
  // Nobody answers: because there is no such store, or because it has lost its daemon.
  const absl::Status store = Open(Mode::kReadOnly).status();
  return absl::IsNotFound(store) ? store : admin.status();
}

Cli::Cli() : app_(kDescription, "cubby") {
  app_.require_subcommand(1);
  app_.allow_windows_style_options(false);  // "/k" is a key, on every system
  app_.footer(absl::StrCat("`cubby SUBCOMMAND --help` tells more.\n\n", kExitCodes));
  app_.set_version_flag("--version", std::string("cubby ") + os::kVersion);
  store_options_.AddTo(&app_);
}

CLI::App* Cli::Add(const std::string& name, const std::string& summary, const std::string& notes,
                   std::function<os::ExitCode(const StoreOptions&)> run) {
  CLI::App* const command = app_.add_subcommand(name, summary);
  command->footer(notes);
  command->callback([this, run = std::move(run)] { run_ = run; });
  store_options_.AddTo(command);
  return command;
}

os::ExitCode Cli::Run(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    Output out;
    out.Write(app_.help());
    return out.Finish();
  } catch (const CLI::CallForVersion& version) {
    Output out;
    out.Write(absl::StrCat(version.what(), "\n"));
    return out.Finish();
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> strange = app_.remaining();
    if (app_.get_subcommands().empty() && !strange.empty()) {
      return UsageError(absl::StrCat("there is no subcommand ", Quoted(strange.front())));
    }
    return UsageError(error.what());
  }
  return run_(store_options_);
}

os::ExitCode Cli::UsageError(const std::string& message) const {
  const std::vector<CLI::App*> commands = app_.get_subcommands();
  const std::string command = commands.empty() ? "" : commands.front()->get_name() + " ";
  return Fail(os::ExitCode::kUsage, absl::StrCat(message, "; see cubby ", command, "--help"));
}

}  // namespace cubby::cli
