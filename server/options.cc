#include "server/options.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "base/version.h"
#include "os/group.h"
#include "os/notify.h"
#include "program/output.h"
#include "server/config_file.h"
#include "server/size_text.h"
#include "table/geometry.h"

namespace cubby::server {
namespace {

// Reads `word`, which was given as `source` ("--capacity", "CUBBYD_CAPACITY"), into *options.
using Reader = absl::Status (*)(absl::string_view source, const std::string& word,
                                Options* options);

absl::Status ReadStore(absl::string_view, const std::string& word, Options* options) {
  RETURN_IF_ERROR(base::ValidateStoreName(word));
  options->store = word;
  return absl::OkStatus();
}

template <absl::optional<uint64_t> Options::*kMember>
absl::Status ReadSize(absl::string_view source, const std::string& word, Options* options) {
  ASSIGN_OR_RETURN(options->*kMember, ParseSize(source, word));
  return absl::OkStatus();
}

// There is one policy so far, so that nothing is to be kept.
absl::Status ReadFullPolicy(absl::string_view source, const std::string& word, Options* options) {
  for (const table::FullPolicy policy : {table::FullPolicy::kReject, table::FullPolicy::kEvict}) {
    if (word != table::NameOf(policy)) continue;
    options->full_policy = policy;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("bad ", source, " '", word, "': use reject or evict"));
}

absl::Status ReadMode(absl::string_view source, const std::string& word, Options* options) {
  uint32_t bits = 0;
  bool octal = word.size() <= 4;
  for (char c : word) {
    octal = octal && c >= '0' && c <= '7';
    bits = bits * 8 + static_cast<uint32_t>(c - '0');
  }
  if (!octal || (bits & ~0666u) != 0 || (bits & 0600) != 0600) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bad ", source, " '", word,
        "': use octal digits that let the owner read and write and set no execute bit, "
        "such as 0600 or 0644"));
  }
  options->mode = bits;
  return absl::OkStatus();
}

absl::Status ReadGroup(absl::string_view source, const std::string& word, Options* options) {
  ASSIGN_OR_RETURN_AS(
      options->group, os::GroupId(word),
      absl::InvalidArgumentError(absl::StrCat("bad ", source, " '", word, "': ", status.message(),
                                              ": leave it out, or name one that exists")));
  return absl::OkStatus();
}

absl::Status ReadHugePages(absl::string_view source, const std::string& word, Options* options) {
  if (word == "auto") {
    options->huge_pages = HugePages::kAuto;
  } else if (word == "on") {
    options->huge_pages = HugePages::kOn;
  } else if (word == "off") {
    options->huge_pages = HugePages::kOff;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("bad ", source, " '", word, "': use auto, on or off"));
  }
  return absl::OkStatus();
}

absl::Status ReadLogLevel(absl::string_view source, const std::string& word, Options* options) {
  ASSIGN_OR_RETURN_AS(options->log_level, ParseLogLevel(word),
                      absl::InvalidArgumentError(
                          absl::StrCat("bad ", source, " '", word, "': ", status.message())));
  return absl::OkStatus();
}

absl::Status ReadReadyFd(absl::string_view source, const std::string& word, Options* options) {
  int fd;
  if (!absl::SimpleAtoi(word, &fd) || fd < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("bad ", source, " '", word, "': use the number of a descriptor"));
  }
  options->ready_fd = fd;
  options->ready_fd_source = std::string(source);
  return absl::OkStatus();
}

absl::Status ReadReplaceTimeout(absl::string_view source, const std::string& word,
                                Options* options) {
  absl::Duration& timeout = options->replace_timeout;
  const bool parsed =
      absl::ParseDuration(word, &timeout) || absl::ParseDuration(absl::StrCat(word, "s"), &timeout);
  if (parsed && timeout > absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("bad ", source, " '", word,
                                                 "': use a number of seconds, or a duration such "
                                                 "as 500ms or 2m"));
}

template <bool Options::*kMember>
absl::Status ReadFlag(absl::string_view source, const std::string& word, Options* options) {
  if (word != "true" && word != "false") {
    return absl::InvalidArgumentError(
        absl::StrCat("bad ", source, " '", word, "': use true or false"));
  }
  options->*kMember = word == "true";
  return absl::OkStatus();
}

struct Definition {
  const char* flags;  // the long one last; the other forms' names follow from it
  const char* type;   // "" if the flag alone means "true"
  const char* help;
  std::string (*fallback)();
  Reader read;
};

// clang-format off
constexpr Definition kDefinitions[] = {
    {"-s,--store", "NAME", "The store's name: a-z, 0-9, '-' and '_'",
     [] { return std::string("required"); }, &ReadStore},
    {"--capacity", "N", "Number of entries that the store holds",
     [] { return absl::StrCat(table::GeometryOptions().capacity); }, &ReadSize<&Options::capacity>},
    {"--slot-bytes", "B", "Bytes of a slot, rounded up to a multiple of 8: a key, its value and 24 more; longer entries lie in the extent pool",
     [] { return absl::StrCat(table::GeometryOptions().slot_bytes); }, &ReadSize<&Options::slot_bytes>},
    {"--max-value", "SIZE", "Largest size of a value, such as 64KiB",
     [] { return absl::StrCat(table::GeometryOptions().max_value_bytes >> 20, "MiB"); }, &ReadSize<&Options::max_value_bytes>},
    {"--extent-pool", "SIZE", "Memory for keys and values too long for their slot",
     [] { return std::string("a quarter of the slots', at least 4 times --max-value"); }, &ReadSize<&Options::extent_pool_bytes>},
    {"--extent-bytes", "SIZE", "Bytes of an extent: a piece of a long entry and 16 more; smaller wastes less, larger copies faster",
     [] { return absl::StrCat(table::GeometryOptions().extent_bytes); }, &ReadSize<&Options::extent_bytes>},
    {"--full", "POLICY", "What a full store does with a new key: reject it, or evict another entry",
     [] { return std::string(table::NameOf(table::GeometryOptions().full_policy)); }, &ReadFullPolicy},
    {"--changes", "SIZE", "Memory for the change ring, which `cubby watch` reads, rounded up to a power of two; 0: none",
     [] { return std::string("a 32nd of the store, at most 8MiB, at least two of the longest key"); }, &ReadSize<&Options::changes_bytes>},
    {"--record-changes", "", "Record changes always, and not only while a process watches",
     [] { return std::string("false"); }, &ReadFlag<&Options::record_changes>},
    {"--mode", "MODE", "Permissions of the store, as a file's mode, such as 0644 to let others read",
     [] { return absl::StrFormat("%#o", kDefaultMode); }, &ReadMode},
    {"--group", "GROUP", "Group that the group bits of --mode apply to; not on Windows",
     [] { return std::string("your own group"); }, &ReadGroup},
    {"--huge-pages", "WHEN", "Pages of 2 MiB, for faster look-ups: auto uses those that the system has, on fails without them, off",
     [] { return std::string("auto"); }, &ReadHugePages},
    {"--log-level", "LEVEL", "The lowest level that is logged: debug, info, warning or error",
     [] { return std::string("info"); }, &ReadLogLevel},
    {"--ready-fd", "N", "Open descriptor to write the line 'ready' to, and close, once the store is served; not on Windows",
     [] { return std::string("none"); }, &ReadReadyFd},
    {"--keep-on-exit", "", "Leave the store and its entries to the next cubbyd when a signal stops this one, as a kill does",
     [] { return std::string("false"); }, &ReadFlag<&Options::keep_on_exit>},
    {"--replace-timeout", "DURATION", "How long --replace waits for the running daemon, which finishes flushes and checks first",
     [] { return absl::FormatDuration(Options().replace_timeout); }, &ReadReplaceTimeout},
};
// clang-format on
constexpr size_t kCount = sizeof(kDefinitions) / sizeof(kDefinitions[0]);

constexpr char kConfigHelp[] = "A file of lines such as capacity = 1000";
// A flag only: in a file or an environment that stays, it would empty the store at every start.
constexpr char kFreshHelp[] = "Discard the entries of an existing store";
constexpr char kReplaceHelp[] =
    "Take the store over from the daemon that serves it, if one does; that one ends then, and gets "
    "and puts go on all the while";

// "--capacity"
std::string FlagOf(const Definition& definition) {
  const absl::string_view flags = definition.flags;
  return std::string(flags.substr(flags.rfind("--")));
}
// "capacity"
std::string KeyOf(const Definition& definition) { return FlagOf(definition).substr(2); }
// "CUBBYD_CAPACITY"
std::string EnvironmentOf(const Definition& definition) {
  return absl::AsciiStrToUpper(
      absl::StrCat("CUBBYD_", absl::StrReplaceAll(KeyOf(definition), {{"-", "_"}})));
}

// What the command line says.
struct Words {
  absl::optional<std::string> options[kCount];  // as kDefinitions; unset: not given
  absl::optional<std::string> config;
  bool fresh = false;
  bool replace = false;
};

void Describe(CLI::App* app, Words* words) {
  app->description("Makes a cubby store and serves it until it is told to stop.");
  app->set_version_flag("--version", absl::StrCat("cubbyd ", base::kVersion));
  for (size_t i = 0; i < kCount; ++i) {
    const Definition& definition = kDefinitions[i];
    const std::string help = absl::StrCat(definition.help, " [", definition.fallback(), "]");
    absl::optional<std::string>& word = words->options[i];
    if (*definition.type == '\0') {
      app->add_flag_callback(
          definition.flags, [&word] { word = "true"; }, help);
    } else {
      app->add_option(definition.flags, word, help)->type_name(definition.type);
    }
  }
  app->add_option("--config", words->config, kConfigHelp)->type_name("FILE");
  app->add_flag("--fresh", words->fresh, kFreshHelp);
  app->add_flag("--replace", words->replace, kReplaceHelp);
  app->footer(
      "An option but --config, --fresh and --replace may also come from the environment, as\n"
      "CUBBYD_CAPACITY does, or from the file that --config names. A flag is stronger than the "
      "environment, and that is\n"
      "stronger than the file.\n"
      "Stops on SIGTERM, SIGINT, Ctrl-C, Ctrl-Break or `cubby shutdown`, and takes the store away\n"
      "then, unless --keep-on-exit, or `cubby shutdown --keep`, says otherwise. SIGINT stays "
      "ignored\n"
      "if it was started so. On SIGHUP it reads the file of --config again and takes --log-level "
      "and\n"
      "--keep-on-exit from there.\n"
      "Exit codes: 0 stopped or replaced, 1 the store has a daemon already, 2 usage, 4 too large, "
      "5 "
      "permission,\n"
      "6 incompatible layout or daemon, 7 another process holds the store's lock or, with "
      "--replace,\n"
      "does not hand it over in time, 8 damaged, 10 other.");
}

absl::Status CheckKeys(absl::string_view file, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    std::string known;
    bool found = false;
    for (const Definition& definition : kDefinitions) {
      absl::StrAppend(&known, known.empty() ? "" : ", ", KeyOf(definition));
      found = found || key == KeyOf(definition);
    }
    if (found) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no key '", key, "' for ", file, ": use ", known));
  }
  return absl::OkStatus();
}

using ConfigReader = decltype(&ReadConfigFile);

absl::StatusOr<Options> Read(const Words& words, ConfigReader read_config) {
  Options options;
  options.fresh = words.fresh;
  options.replace = words.replace;
  if (options.fresh && options.replace) {
    return absl::InvalidArgumentError(
        "--fresh discards the entries and --replace keeps them: give one of the two");
  }
  std::map<std::string, std::string> file;
  if (words.config.has_value()) {
    ASSIGN_OR_RETURN(file, read_config(*words.config));
    RETURN_IF_ERROR(CheckKeys(*words.config, file));
  }
  for (size_t i = 0; i < kCount; ++i) {
    const Definition& definition = kDefinitions[i];
    const std::string variable = EnvironmentOf(definition);
    const char* const environment = std::getenv(variable.c_str());
    const auto in_file = file.find(KeyOf(definition));
    if (words.options[i].has_value()) {
      RETURN_IF_ERROR(definition.read(FlagOf(definition), *words.options[i], &options));
    } else if (environment != nullptr && *environment != '\0') {
      RETURN_IF_ERROR(definition.read(variable, environment, &options));
    } else if (in_file != file.end()) {
      RETURN_IF_ERROR(definition.read(absl::StrCat(in_file->first, " in ", *words.config),
                                      in_file->second, &options));
    }
  }
  if (options.store.empty()) return absl::InvalidArgumentError("--store is required");
  if (options.group.has_value() && (options.mode.value_or(kDefaultMode) & 060) == 0) {
    return absl::InvalidArgumentError(
        "--group has no effect without group bits in --mode: give one such as 0660 or 0640");
  }
  return options;
}

program::ExitCode UsageError(absl::string_view message) {
  LogMessage(LogLevel::kError, absl::StrCat(message, "; see cubbyd --help"));
  return program::ExitCode::kUsage;
}

}  // namespace

std::variant<Options, program::ExitCode> ParseOptions(std::vector<std::string> arguments) {
  Words words;
  CLI::App app("", "cubbyd");
  Describe(&app, &words);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  program::Output out("cubbyd");
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    out.Write(app.help());
    return out.Finish();
  } catch (const CLI::CallForVersion& version) {
    out.Write(absl::StrCat(version.what(), "\n"));
    return out.Finish();
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }
  absl::StatusOr<Options> options = Read(words, ReadConfigFile);
  if (!options.ok()) return UsageError(options.status().message());
  if (options->ready_fd.has_value()) {
    // Once: it is closed later.
    const absl::Status usable = os::CheckReadyDescriptor(*options->ready_fd);
    if (!usable.ok()) {
      return UsageError(absl::StrCat("bad ", options->ready_fd_source, " '", *options->ready_fd,
                                     "': ", usable.message()));
    }
  }
  options->read_again = [words] { return Read(words, ReadConfigFileAgain); };
  return *std::move(options);
}

std::vector<OptionDescription> DescribeOptions() {
  std::vector<OptionDescription> descriptions;
  for (const Definition& definition : kDefinitions) {
    descriptions.push_back({FlagOf(definition), EnvironmentOf(definition), KeyOf(definition),
                            definition.type, definition.fallback(), definition.help});
  }
  descriptions.push_back({"--config", "", "", "FILE", "none", kConfigHelp});
  descriptions.push_back({"--fresh", "", "", "", "", kFreshHelp});
  descriptions.push_back({"--replace", "", "", "", "", kReplaceHelp});
  return descriptions;
}

}  // namespace cubby::server
