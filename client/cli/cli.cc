#include "client/cli/cli.h"

#include <CLI/Error.hpp>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

// What an empty word would mean, such as that of a variable that is not set, is for the user to
// say.
std::string RefuseEmpty(const std::string& word) {
  return word.empty() ? "the value is empty: leave the option out, or give it one" : "";
}

// `words` with each "--option=" of `app` that lacks its value parted from the empty word that it is
// given. CLI11 would take the next word for the value.
std::vector<std::string> WithEmptyValues(const CLI::App& app, std::vector<std::string> words) {
  for (auto word = words.begin(); word != words.end() && *word != "--"; ++word) {
    if (!absl::EndsWith(*word, "=")) continue;
    const std::string name = word->substr(0, word->size() - 1);
    const CLI::Option* const option = app.get_option_no_throw(name);
    if (option == nullptr || !option->nonpositional() || option->get_items_expected_max() == 0) {
      continue;
    }
    *word = name;
    word = words.insert(word + 1, "");
  }
  return words;
}

bool LooksLikeOption(absl::string_view word) { return word.size() > 1 && word.front() == '-'; }

// The first word that CLI11 had no place for, as a message; empty if it placed all.
std::string Misplaced(const CLI::App& app) {
  if (app.remaining_size() == 0) return "";
  const std::vector<std::string> words = app.remaining();
  const bool after_mark = words[0] == "--" && words.size() > 1;
  const std::string& word = after_mark ? words[1] : words[0];
  if (after_mark || !LooksLikeOption(word)) return absl::StrCat("unexpected word ", Quoted(word));
  const bool takes_words =
      !app.get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
  return absl::StrCat("there is no option ", Quoted(word),
                      takes_words ? ": give -- before a key or value that begins with a dash" : "");
}

// What CLI11 found wrong with the words of `app`, as a message.
std::string MessageOf(const CLI::ParseError& error, const CLI::App& app) {
  std::string message;
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::RequiredError:
    case CLI::ExitCodes::ExtrasError:
      // A word that was not understood is likely to be the one that is missing.
      message = Misplaced(app);
      break;
    case CLI::ExitCodes::ArgumentMismatch:
      // "--store: At Most 1 required but received 2"
      message = error.what();
      message.resize(std::min(message.find(':'), message.size()));
      absl::StrAppend(&message, " takes one value, and once only");
      break;
    case CLI::ExitCodes::ConversionError:
      AppendField(error.what(), &message);  // it quotes a word as it is
      break;
    default:
      break;
  }
  return message.empty() ? error.what() : message;
}

os::ExitCode UsageError(const CLI::App& app, absl::string_view message) {
  return Fail(os::ExitCode::kUsage, absl::StrCat(message, "; see ", app.get_name(), " --help"));
}

// Gives the options of `app` what `words` say. The exit code if there is nothing more to do: help
// or the version is printed, or what is wrong, then.
absl::optional<os::ExitCode> Parse(CLI::App* app, std::vector<std::string> words) {
  words = WithEmptyValues(*app, std::move(words));
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  Output out;
  try {
    app->parse(std::move(words));
    return absl::nullopt;
  } catch (const CLI::CallForHelp&) {
    out.Write(app->help());
  } catch (const CLI::CallForVersion& version) {
    out.Write(absl::StrCat(version.what(), "\n"));
  } catch (const CLI::ParseError& error) {
    return UsageError(*app, MessageOf(error, *app));
  }
  return out.Finish();
}

}  // namespace

StoreOptions::StoreOptions()
    : store_(Environment("CUBBY_STORE")), owner_(Environment("CUBBY_OWNER")) {}

void StoreOptions::AddTo(CLI::App* app) {
  const CLI::Validator not_empty(&RefuseEmpty, "");
  app->add_option("-s,--store", store_, "The store; else $CUBBY_STORE")
      ->type_name("NAME")
      ->check(not_empty);
  app->add_option("--owner", owner_,
                  "Whose store to trust, a uid (Windows: a SID) or 'any'; else\n"
                  "$CUBBY_OWNER; else only yours and the administrator's")
      ->type_name("USER")
      ->check(not_empty);
  AddDuration(app, "--timeout", &timeout_,
              "How long to wait for other writers [5s] or the daemon [30s]:\n"
              "seconds, or as in 500ms, 2m");
}

absl::StatusOr<std::unique_ptr<Store>> StoreOptions::Open(Mode mode) const {
  if (store_.empty()) return NoStoreNamed();
  OpenOptions options;
  options.mode = mode;
  options.owner = owner_;
  options.survive_truncation = true;
  if (timeout_ > absl::ZeroDuration()) options.lock_timeout = timeout_;
  return Store::Open(store_, options);
}

absl::StatusOr<std::unique_ptr<Admin>> StoreOptions::Connect() const {
  if (store_.empty()) return NoStoreNamed();
  absl::StatusOr<std::unique_ptr<Admin>> admin =
      Admin::Connect(store_, timeout_ > absl::ZeroDuration() ? timeout_ : absl::Seconds(30));
  if (!absl::IsUnavailable(admin.status())) return admin;
  // Nobody answers: because there is no such store, or because it has lost its daemon.
  const absl::Status store = Open(Mode::kReadOnly).status();
  return absl::IsNotFound(store) ? store : admin.status();
}

Cli::Cli() : app_(kDescription, "cubby") {
  app_.allow_windows_style_options(false);
  app_.prefix_command();  // the subcommand's name, and all that follows, is left for it
  app_.set_version_flag("--version", std::string("cubby ") + os::kVersion);
  app_.formatter_fn(
      [this](const CLI::App*, const std::string&, CLI::AppFormatMode) { return Help(); });
  store_options_.AddTo(&app_);
}

CLI::App* Cli::Add(const std::string& name, const std::string& summary, const std::string& notes,
                   std::function<os::ExitCode(const StoreOptions&)> run) {
  auto app = std::make_unique<CLI::App>(summary, absl::StrCat("cubby ", name));
  app->allow_windows_style_options(false);  // "/k" is a key, on every system
  app->footer(notes);
  store_options_.AddTo(app.get());
  commands_.push_back({name, std::move(app), std::move(run)});
  return commands_.back().app.get();
}

CLI::App* Cli::AddForStore(const std::string& name, Mode mode, const std::string& summary,
                           const std::string& notes, std::function<os::ExitCode(Store&)> run) {
  return Add(name, summary, notes, [mode, run = std::move(run)](const StoreOptions& options) {
    const auto store = options.Open(mode);
    return store.ok() ? run(**store) : Fail(store.status(), Subject::kStore);
  });
}

os::ExitCode Cli::Run(std::vector<std::string> arguments) {
  if (const auto done = Parse(&app_, std::move(arguments))) return *done;
  std::vector<std::string> words = app_.remaining();
  if (words.empty()) return UsageError(app_, "a subcommand is required");
  const Command* const command = Find(words.front());
  if (command == nullptr) {
    return UsageError(app_, absl::StrCat("there is no ",
                                         LooksLikeOption(words.front()) ? "option " : "subcommand ",
                                         Quoted(words.front())));
  }
  words.erase(words.begin());
  if (const auto done = Parse(command->app.get(), std::move(words))) return *done;
  return command->run(store_options_);
}

std::string Cli::Help() const {
  std::string help = absl::StrCat(kDescription, "\nUsage: cubby [OPTIONS] SUBCOMMAND ...\n",
                                  CLI::Formatter().make_groups(&app_, CLI::AppFormatMode::Normal),
                                  "\nSubcommands:\n");
  for (const Command& command : commands_) {
    absl::StrAppendFormat(&help, "  %-28s%s\n", command.name, command.app->get_description());
  }
  absl::StrAppend(&help, "\n`cubby SUBCOMMAND --help` tells more.\n\n", kExitCodes, "\n");
  return help;
}

const Cli::Command* Cli::Find(absl::string_view name) const {
  const auto found = std::find_if(commands_.begin(), commands_.end(),
                                  [name](const Command& command) { return command.name == name; });
  return found == commands_.end() ? nullptr : &*found;
}

void AddDuration(CLI::App* app, const std::string& name, absl::Duration* duration,
                 const std::string& help) {
  app->add_option_function<std::string>(
         name,
         [name, duration](const std::string& text) {
           const absl::StatusOr<absl::Duration> parsed = ParseDuration(name, text);
           if (!parsed.ok()) throw CLI::ValidationError(std::string(parsed.status().message()));
           *duration = *parsed;
         },
         help)
      ->type_name("TIME");
}

}  // namespace cubby::cli
