// Each subcommand is parsed by a CLI::App of its own, which knows no other subcommands. Within an
// App with subcommands, CLI11 treats the names of all subcommands and "++" specially, but a key or
// value may be any word.
#include "cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"
#include "os/deadline.h"

namespace cubby::cli {
namespace {

constexpr char kDescription[] =
    "Reads and writes a store that cubbyd shares with every process on this machine.";

constexpr char kExitCodes[] =
    "Exit codes: 0 success, 1 no such key, condition false or entries left out, 2 usage, 3 no "
    "such\n"
    "store, 4 full or too large, 5 not permitted, 6 incompatible version, 7 timeout or contended,\n"
    "8 damaged, 9 no daemon, 10 other system error (without a message if the reader of the output\n"
    "closed it).";

std::string Environment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

absl::Status NoStoreNamed() {
  return absl::InvalidArgumentError("no store is named: give --store NAME or set CUBBY_STORE");
}

// An empty value, such as that of an unset shell variable, is an error and not a default.
std::string RefuseEmpty(const std::string& word) {
  return word.empty() ? "the value is empty: omit the option or give it a value" : "";
}

// Returns `words` with each "--option=" of `app` replaced by "--option" and an empty word. CLI11
// would take the next word as the value of "--option=".
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

// Returns a message about the first word that CLI11 could not assign; "" if it assigned all.
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

// Returns the message for an error that CLI11 found in the command line of `app`.
std::string MessageOf(const CLI::ParseError& error, const CLI::App& app) {
  std::string message;
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::RequiredError:
    case CLI::ExitCodes::ExtrasError:
      // A word that was not understood is usually the reason why a required one is missing.
      message = Misplaced(app);
      break;
    case CLI::ExitCodes::ArgumentMismatch:
      // "--store: At Most 1 required but received 2"
      message = error.what();
      message.resize(std::min(message.find(':'), message.size()));
      absl::StrAppend(&message, " takes one value and can be given once");
      break;
    case CLI::ExitCodes::ConversionError:
      AppendField(error.what(), &message);  // what() quotes a word unescaped
      break;
    default:
      break;
  }
  return message.empty() ? error.what() : message;
}

program::ExitCode UsageError(absl::string_view command, absl::string_view message) {
  return Fail(program::ExitCode::kUsage, absl::StrCat(message, "; see ", command, " --help"));
}

// Parses `words` into the options of `app`. Returns an exit code if the program ends here: help,
// the version or an error has been printed.
absl::optional<program::ExitCode> Parse(CLI::App* app, std::vector<std::string> words) {
  words = WithEmptyValues(*app, std::move(words));
  std::reverse(words.begin(), words.end());  // CLI11 expects them in reverse order
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

// Adds option `name`, whose value is a duration (text.h); without it *duration is unchanged.
void AddDurationTo(CLI::App* app, const std::string& name, absl::Duration* duration,
                   const std::string& help, bool may_be_zero = false) {
  app->add_option_function<std::string>(
         name,
         [name, duration, may_be_zero](const std::string& text) {
           const absl::StatusOr<absl::Duration> parsed = ParseDuration(name, text, may_be_zero);
           if (!parsed.ok()) throw CLI::ValidationError(std::string(parsed.status().message()));
           *duration = *parsed;
         },
         help)
      ->type_name("TIME");
}

// Adds option `name`, whose value is any number of that type.
template <typename Integer>
CLI::Option* AddIntegerTo(CLI::App* app, const std::string& name, absl::optional<Integer>* value,
                          const std::string& help) {
  const auto parse = [name, value](const std::string& text) {
    Integer number;
    if (!absl::SimpleAtoi(text, &number)) {
      using Limits = std::numeric_limits<Integer>;
      throw CLI::ValidationError(absl::StrCat(name, " ", Quoted(text), " is not a number from ",
                                              Limits::min(), " to ", Limits::max()));
    }
    *value = number;
  };
  return app->add_option_function<std::string>(name, parse, help);
}

constexpr char kProgram[] = "cubby";

// How often --wait looks again.
constexpr absl::Duration kWaitPause = absl::Milliseconds(5);

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (const auto& commands : {KeyCommands(), UpdateCommands(), ListingCommands(), FileCommands(),
                               WatchCommands(), AdminCommands(), StoresCommands(), DoctorCommands(),
                               BenchCommands(), TraceCommands(), VersionCommands()}) {
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
  absl::StrAppend(&help, "\n`cubby SUBCOMMAND --help` prints details and examples.\n\n", kExitCodes,
                  "\n");
  return help;
}

// Parses the options before the subcommand's name and removes them from `words`. Returns as
// Parse().
absl::optional<program::ExitCode> ParseBeforeName(StoreOptions* store_options,
                                                  std::vector<std::string>* words) {
  CLI::App app(kDescription, kProgram);
  app.allow_windows_style_options(false);
  app.prefix_command();  // stops at the subcommand's name
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
  app->add_option("-s,--store", store_, "The store [$CUBBY_STORE]")
      ->type_name("NAME")
      ->check(not_empty)
      ->each([this](const std::string&) { named_ = true; });
  app->add_option("--owner", owner_,
                  "The user whose store to trust: a uid (Windows: a SID) or 'any'\n"
                  "[$CUBBY_OWNER; else yourself and the administrator]")
      ->type_name("USER")
      ->check(not_empty);
  AddDurationTo(app, "--timeout", &timeout_,
                "Longest wait for other writers [5s] or the daemon [30s]: seconds,\n"
                "or as in 500ms, 2m");
  AddDurationTo(app, "--wait", &wait_,
                "Longest wait until there is a store, and for the subcommands that\n"
                "ask the daemon, until it serves [0]",
                /*may_be_zero=*/true);
}

absl::Duration StoreOptions::LockTimeout() const {
  return timeout_ > absl::ZeroDuration() ? timeout_ : OpenOptions().lock_timeout;
}

absl::StatusOr<std::unique_ptr<Store>> StoreOptions::TryOpen(Mode mode) const {
  OpenOptions options;
  options.mode = mode;
  options.owner = owner_;
  options.survive_truncation = true;
  options.lock_timeout = LockTimeout();
  return Store::Open(store_, options);
}

absl::Status StoreOptions::Await(absl::FunctionRef<Attempt()> attempt) const {
  if (store_.empty()) return NoStoreNamed();
  const os::Deadline found(wait_);
  const os::Deadline made(std::max(wait_, LockTimeout()));
  bool in_the_making = false;
  for (;; absl::SleepFor(kWaitPause)) {
    const Attempt tried = attempt();
    switch (tried.outcome) {
      case Attempt::kFinal:
        return tried.status;
      case Attempt::kNothingThere:
        // A daemon removes what another one left half made before it makes the store anew.
        if ((in_the_making ? made : found).Passed()) return tried.status;
        break;
      case Attempt::kInTheMaking:
        if (made.Passed()) return absl::DeadlineExceededError(tried.status.message());
        in_the_making = true;
        break;
    }
  }
}

absl::StatusOr<std::unique_ptr<Store>> StoreOptions::Open(Mode mode) const {
  absl::StatusOr<std::unique_ptr<Store>> store;
  RETURN_IF_ERROR(Await([&]() -> Attempt {
    store = TryOpen(mode);
    if (absl::IsNotFound(store.status())) return {Attempt::kNothingThere, store.status()};
    if (absl::IsUnavailable(store.status())) return {Attempt::kInTheMaking, store.status()};
    return {Attempt::kFinal, store.status()};
  }));
  return store;
}

absl::StatusOr<std::unique_ptr<Admin>> StoreOptions::Connect() const {
  absl::StatusOr<std::unique_ptr<Admin>> admin;
  RETURN_IF_ERROR(Await([&]() -> Attempt {
    admin = Admin::Connect(store_, timeout_ > absl::ZeroDuration() ? timeout_ : absl::Seconds(30));
    if (!absl::IsUnavailable(admin.status())) return {Attempt::kFinal, admin.status()};
    // No daemon answers: either there is no such store, or it is being made, or it has no daemon.
    const absl::Status store = TryOpen(Mode::kReadOnly).status();
    if (absl::IsUnavailable(store)) return {Attempt::kInTheMaking, store};
    return {Attempt::kNothingThere, absl::IsNotFound(store) ? store : admin.status()};
  }));
  return admin;
}

program::ExitCode WithStore(const StoreOptions& options, Mode mode,
                            absl::FunctionRef<program::ExitCode(Store&)> run) {
  const auto store = options.Open(mode);
  return store.ok() ? run(**store) : Fail(store.status(), Subject::kStore);
}

void Subcommand::Notes(const std::string& notes) { app_->footer(notes); }

void Subcommand::AddWord(const std::string& name, std::string* value, const std::string& help) {
  app_->add_option(name, *value, help)->required()->type_name("");
}

void Subcommand::AddWords(const std::string& name, bool required, std::vector<std::string>* words,
                          const std::string& help) {
  // CLI11 takes words up to the least number of an argument as they are, and splits further ones
  // that look like "[a,b]". It checks no number with this policy.
  app_->add_option(name, *words, help)
      ->required(required)
      ->type_name("")
      ->expected(CLI::detail::expected_max_vector_size, CLI::detail::expected_max_vector_size)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void Subcommand::AddText(const std::string& name, const std::string& type,
                         absl::optional<std::string>* value, const std::string& help) {
  app_->add_option_function<std::string>(
          name, [value](const std::string& text) { *value = text; }, help)
      ->type_name(type);
}

void Subcommand::AddNames(const std::string& name, const std::string& type,
                          std::vector<std::string>* value, const std::string& help) {
  const auto split = [value](const std::string& text) { *value = absl::StrSplit(text, ','); };
  app_->add_option_function<std::string>(name, split, help)->type_name(type);
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

void Subcommand::AddJson(bool* value, const std::string& help) { AddFlag("--json", value, help); }
void Subcommand::AddInteger(const std::string& name, absl::optional<int64_t>* value,
                            const std::string& help) {
  AddIntegerTo(app_, name, value, help)->type_name(name.front() == '-' ? "N" : "");
}

void Subcommand::AddRevision(const std::string& name, bool required,
                             absl::optional<uint64_t>* value, const std::string& help) {
  AddIntegerTo(app_, name, value, help)->type_name("REVISION")->required(required);
}

void Subcommand::AddDuration(const std::string& name, absl::Duration* value,
                             const std::string& help) {
  AddDurationTo(app_, name, value, help);
}

void Subcommand::DoWithStore(Mode mode, std::function<program::ExitCode(Store&)> run) {
  Do([mode, run = std::move(run)](const StoreOptions& options) {
    return WithStore(options, mode, run);
  });
}

program::ExitCode Run(std::vector<std::string> words) {
  StoreOptions store_options;
  // Options before the name are rare, and a CLI::App costs time.
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
  app.allow_windows_style_options(false);  // "/k" is a key on every system
  store_options.AddTo(&app);
  Subcommand subcommand(&app);
  command->define(&subcommand);
  if (const auto done = Parse(&app, std::move(words))) return *done;
  return subcommand.Run(store_options);
}

}  // namespace cubby::cli
