#include "server/options.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/store_name.h"
#include "base/version.h"
#include "os/group.h"
#include "program/output.h"
#include "server/size_text.h"
#include "table/geometry.h"

namespace cubby::server {
namespace {

// The options as they were written; unset: not given.
struct Words {
  std::string store;
  absl::optional<std::string> capacity;
  absl::optional<std::string> slot_bytes;
  absl::optional<std::string> max_value;
  absl::optional<std::string> extent_pool;
  absl::optional<std::string> extent_bytes;
  absl::optional<std::string> full;
  absl::optional<std::string> mode;
  absl::optional<std::string> group;
  absl::optional<std::string> huge_pages;
  absl::optional<std::string> log_level;
  bool fresh = false;
};

void Describe(CLI::App* app, Words* words) {
  const table::GeometryOptions defaults;
  app->description("Makes a cubby store and serves it until it is told to stop.");
  app->set_version_flag("--version", absl::StrCat("cubbyd ", base::kVersion));
  app->add_option("-s,--store", words->store, "The store's name: a-z, 0-9, '-' and '_'")
      ->required()
      ->type_name("NAME");
  app->add_option("--capacity", words->capacity,
                  absl::StrCat("Entries it is made for [", defaults.capacity, "]"))
      ->type_name("N");
  app->add_option("--slot-bytes", words->slot_bytes,
                  absl::StrCat("Bytes for an entry's key, value and 24 more; longer values lie in "
                               "the extent pool [",
                               defaults.slot_bytes, "]"))
      ->type_name("B");
  app->add_option("--max-value", words->max_value, "The largest value, such as 64KiB [1MiB]")
      ->type_name("SIZE");
  app->add_option("--extent-pool", words->extent_pool,
                  "Memory for values too long for their slot [a quarter of the slots']")
      ->type_name("SIZE");
  app->add_option("--extent-bytes", words->extent_bytes,
                  absl::StrCat("Bytes for a piece of a longer value and 16 more: smaller for less "
                               "waste, larger for faster copies [",
                               defaults.extent_bytes, "]"))
      ->type_name("SIZE");
  app->add_option("--full", words->full, "What a full store does with a new key: reject [reject]")
      ->type_name("POLICY");
  app->add_option("--mode", words->mode,
                  "Who may use it: as a file's mode, such as 0644 to let others read [0600]")
      ->type_name("MODE");
  app->add_option("--group", words->group,
                  "Whom the group's part of --mode is for; not on Windows [your own group]")
      ->type_name("GROUP");
  app->add_option("--huge-pages", words->huge_pages,
                  "Memory in pages of 2 MiB, for faster look-ups: auto, as far as the system can; "
                  "on, or do not start; off [auto]")
      ->type_name("WHEN");
  app->add_option("--log-level", words->log_level,
                  "The lowest level that is logged: debug, info, warning or error [info]")
      ->type_name("LEVEL");
  app->add_flag("--fresh", words->fresh, "Discard the entries of a store that is there");
  app->footer(
      "Stops on SIGTERM, SIGINT, SIGHUP, Ctrl-C, Ctrl-Break or `cubby shutdown`, and takes the "
      "store\n"
      "away then. SIGINT and SIGHUP stay ignored if it was started so, as by nohup.\nExit codes: 0 "
      "stopped, 1 the store has a daemon already, 2 usage, 4 too large, 5 "
      "permission,\n6 incompatible layout, 7 another process holds the store's lock, 8 damaged, 10 "
      "other.");
}

// An option that is a number or a size; unset if it was not given.
absl::Status ReadSize(absl::string_view option, const absl::optional<std::string>& word,
                      absl::optional<uint64_t>* value) {
  if (!word.has_value()) return absl::OkStatus();
  absl::StatusOr<uint64_t> size = ParseSize(option, *word);
  if (!size.ok()) return size.status();
  *value = *size;
  return absl::OkStatus();
}

// There is one policy so far, so that nothing is to be kept.
absl::Status CheckFullPolicy(const absl::optional<std::string>& word) {
  if (word.value_or("reject") == "reject") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("bad --full '", *word, "': a full store can only 'reject' new keys"));
}

absl::Status ReadMode(const absl::optional<std::string>& word, absl::optional<uint32_t>* mode) {
  if (!word.has_value()) return absl::OkStatus();
  uint32_t bits = 0;
  bool octal = word->size() <= 4;
  for (char c : *word) {
    octal = octal && c >= '0' && c <= '7';
    bits = bits * 8 + static_cast<uint32_t>(c - '0');
  }
  if (!octal || (bits & ~0666u) != 0 || (bits & 0600) != 0600) {
    return absl::InvalidArgumentError(
        absl::StrCat("bad --mode '", *word,
                     "': use octal digits that let the owner read and write and nobody execute, "
                     "such as 0600 or 0644"));
  }
  *mode = bits;
  return absl::OkStatus();
}

absl::Status ReadGroup(const absl::optional<std::string>& word, absl::optional<uint32_t>* group) {
  if (!word.has_value()) return absl::OkStatus();
  absl::StatusOr<uint32_t> id = os::GroupId(*word);
  if (!id.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("bad --group '", *word,
                                                   "': ", id.status().message(),
                                                   ": leave it out, or name one that exists"));
  }
  *group = *id;
  return absl::OkStatus();
}

absl::Status ReadHugePages(const absl::optional<std::string>& word, HugePages* huge_pages) {
  const std::string when = word.value_or("auto");
  if (when == "auto") {
    *huge_pages = HugePages::kAuto;
  } else if (when == "on") {
    *huge_pages = HugePages::kOn;
  } else if (when == "off") {
    *huge_pages = HugePages::kOff;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("bad --huge-pages '", when, "': use auto, on or off"));
  }
  return absl::OkStatus();
}

absl::Status ReadLogLevel(const absl::optional<std::string>& word, LogLevel* level) {
  if (!word.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(*level, ParseLogLevel(*word));
  return absl::OkStatus();
}

absl::StatusOr<Options> Read(const Words& words) {
  Options options;
  options.store = words.store;
  options.fresh = words.fresh;
  for (const absl::Status& status :
       {base::ValidateStoreName(words.store),
        ReadSize("--capacity", words.capacity, &options.capacity),
        ReadSize("--slot-bytes", words.slot_bytes, &options.slot_bytes),
        ReadSize("--max-value", words.max_value, &options.max_value_bytes),
        ReadSize("--extent-pool", words.extent_pool, &options.extent_pool_bytes),
        ReadSize("--extent-bytes", words.extent_bytes, &options.extent_bytes),
        CheckFullPolicy(words.full), ReadMode(words.mode, &options.mode),
        ReadGroup(words.group, &options.group),
        ReadHugePages(words.huge_pages, &options.huge_pages),
        ReadLogLevel(words.log_level, &options.log_level)}) {
    if (!status.ok()) return status;
  }
  if (options.group.has_value() && (options.mode.value_or(kDefaultMode) & 060) == 0) {
    return absl::InvalidArgumentError(
        "--group lets nobody in without a --mode that does: give one such as 0660 or 0640");
  }
  return options;
}

program::ExitCode UsageError(absl::string_view message) {
  program::PrintMessage("cubbyd", absl::StrCat(message, "; see cubbyd --help"));
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
  absl::StatusOr<Options> options = Read(words);
  if (!options.ok()) return UsageError(options.status().message());
  return *std::move(options);
}

}  // namespace cubby::server
