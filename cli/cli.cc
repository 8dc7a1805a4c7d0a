// Each subcommand reads its words by itself, with a CLI::App that knows of no others: to a
// subcommand of another App, CLI11 gives the names of all subcommands and "++" a meaning of their
// own, and they are keys and values like any other.
#include "cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/version.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"

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

program::ExitCode UsageError(absl::string_view command, absl::string_view message) {
  return Fail(program::ExitCode::kUsage, absl::StrCat(message, "; see ", command, " --help"));
}

// Gives the options of `app` what `words` say. The exit code if there is nothing more to do: help
// or the version is printed, or what is wrong, then.
absl::optional<program::ExitCode> Parse(CLI::App* app, std::vector<std::string> words) {
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
    return UsageError(app->get_name(), MessageOf(error, *app));
  }
  return out.Finish();
}

// Adds option `name`, which takes a duration (text.h); *duration stays what it is without it.
void AddDurationTo(CLI::App* app, const std::string& name, absl::Duration* duration,
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

constexpr char kProgram[] = "cubby";

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (const auto& commands :
       {KeyCommands(), ListingCommands(), AdminCommands(), BenchCommands(), VersionCommands()}) {
    all.insert(all.end(), commands.begin(), commands.end());
  }
  return all;
}

std::string Help(const CLI::App& app) {
  std::string help = absl::StrCat(kDescription, "\nUsage: cubby [OPTIONS] SUBCOMMAND ...\n",
                                  CLI::Formatter().make_groups(&app, CLI::AppFormatMode::Normal),
                                  "\nSubcommands:\n");
  for (const Command& command : AllCommands()) {
    absl::StrAppendFormat(&help, "  %-28s%s\n", command.name, command.summary);
  }
  absl::StrAppend(&help, "\n`cubby SUBCOMMAND --help` tells more.\n\n", kExitCodes, "\n");
  return help;
}

// Takes what comes before the subcommand's name off `words`. As Parse().
absl::optional<program::ExitCode> ParseBeforeName(StoreOptions* store_options,
                                                  std::vector<std::string>* words) {
  CLI::App app(kDescription, kProgram);
  app.allow_windows_style_options(false);
  app.prefix_command();  // the subcommand's name, and all that follows, is left for it
  app.set_version_flag("--version", absl::StrCat(kProgram, " ", base::kVersion));
  app.formatter_fn(
      [&app](const CLI::App*, const std::string&, CLI::AppFormatMode) { return Help(app); });
  store_options->AddTo(&app);
  const auto done = Parse(&app, std::move(*words));
  *words = app.remaining();
  return done;
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
  AddDurationTo(app, "--timeout", &timeout_,
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

void Subcommand::Notes(const std::string& notes) { app_->footer(notes); }

void Subcommand::AddWord(const std::string& name, std::string* value, const std::string& help) {
  app_->add_option(name, *value, help)->required()->type_name("");
}

void Subcommand::AddText(const std::string& name, const std::string& type, std::string* value,
                         const std::string& help) {
  app_->add_option(name, *value, help)->type_name(type);
}

void Subcommand::AddFlag(const std::string& name, bool* value, const std::string& help) {
  app_->add_flag(name, *value, help);
}

void Subcommand::AddNumber(const std::string& name, int least, int most, int* value,
                           const std::string& help) {
  const auto refuse = [least, most](const std::string& word) {
    int number;
    if (absl::SimpleAtoi(word, &number) && number >= least && number <= most) return std::string();
    return absl::StrCat(Quoted(word), " is not a number from ", least, " to ", most);
  };
  app_->add_option(name, *value, help)->type_name("N")->check(CLI::Validator(refuse, ""));
}

void Subcommand::AddDuration(const std::string& name, absl::Duration* value,
                             const std::string& help) {
  AddDurationTo(app_, name, value, help);
}

void Subcommand::DoWithStore(Mode mode, std::function<program::ExitCode(Store&)> run) {
  Do([mode, run = std::move(run)](const StoreOptions& options) {
    const auto store = options.Open(mode);
    return store.ok() ? run(**store) : Fail(store.status(), Subject::kStore);
  });
}

program::ExitCode Run(std::vector<std::string> words) {
  StoreOptions store_options;
  // Few give options before the name, and a CLI::App is not made for nothing.
  if (words.empty() || LooksLikeOption(words.front())) {
    if (const auto done = ParseBeforeName(&store_options, &words)) return *done;
  }
  if (words.empty()) return UsageError(kProgram, "a subcommand is required");
  const std::string name = std::move(words.front());
  words.erase(words.begin());
  const std::vector<Command> commands = AllCommands();
  const auto command = std::find_if(commands.begin(), commands.end(),
                                    [&name](const Command& known) { return known.name == name; });
  if (command == commands.end()) {
    return UsageError(
        kProgram, absl::StrCat("there is no ", LooksLikeOption(name) ? "option " : "subcommand ",
                               Quoted(name)));
  }
  CLI::App app(command->summary, absl::StrCat(kProgram, " ", name));
  app.allow_windows_style_options(false);  // "/k" is a key, on every system
  store_options.AddTo(&app);
  Subcommand subcommand(&app);
  command->define(&subcommand);
  if (const auto done = Parse(&app, std::move(words))) return *done;
  return subcommand.Run(store_options);
}

}  // namespace cubby::cli
