// scan count: what is in the store.
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/key_list.h"
#include "cli/output.h"
#include "cli/printer.h"
#include "cli/progress.h"
#include "cli/status.h"
#include "cli/tally.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct ScanOptions {
  PrefixOptions prefix;
  bool keys_only = false;
  bool json = false;
  bool null = false;
};

ExitCode Scan(const Store& store, const ScanOptions& options) {
  if (options.json && options.null) {
    return Fail(ExitCode::kUsage, "--json and -0 exclude each other: give one of them");
  }
  ASSIGN_OR_RETURN_AS(const std::string prefix, PrefixOf(options.prefix),
                      Fail(status, Subject::kEntry));
  EntryPrinter printer(options.json   ? EntryFormat::kJson
                       : options.null ? EntryFormat::kNull
                                      : EntryFormat::kLines,
                       options.keys_only);
  Tally tally("printed");
  Progress progress(tally, Prints::kEntries);
  ForEachOptions walk = progress.Walk(prefix);
  walk.values = !options.keys_only;
  return printer.Finish(store.ForEach(
      [&](absl::string_view key, absl::string_view value, const Entry& entry) {
        printer.Print(key, value, entry);
        tally.CountDone();
        return !printer.failed();
      },
      walk));
}

void DefineScan(Subcommand* scan) {
  const auto options = std::make_shared<ScanOptions>();
  scan->Notes(
      "Backslash, tab, line feed and carriage return are printed as \\\\ \\t \\n \\r, other "
      "invisible\n"
      "characters and bytes that are not UTF-8 as \\xHH. An entry with a ttl has a third field, "
      "when it\n"
      "expires: expires=SECONDS since 1970. `cubby load --escaped` reads this format, ttls "
      "included;\n"
      "`cubby dump` is for files that are read back whole.\n"
      "Examples:\n"
      "  cubby scan -s sessions --prefix user:\n"
      "  cubby scan -s sessions --json | jq -r '.[].key'\n"
      "  cubby scan -s sessions --keys-only -0 | xargs -0 -r -n 1 echo\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  AddOnlyPrefix(scan, &options->prefix);
  scan->AddFlag("--keys-only", &options->keys_only, "Print keys without values");
  scan->AddFlag("-0,--null", &options->null,
                "Print bytes as they are, NUL after each key and value, for xargs -0;\n"
                "exit code 1 if entries that contain a NUL were left out");
  scan->AddJson(&options->json, kEntryJsonHelp);
  scan->DoWithStore(Mode::kReadOnly, options, &Scan);
}

ExitCode Count(const Store& store, const PrefixOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string prefix, PrefixOf(options), Fail(status, Subject::kEntry));
  const StoreStats stats = store.Stats();
  uint64_t count = stats.entries;
  // The counter includes expired entries that are not swept yet: count those that a get finds.
  if (!prefix.empty() || stats.expiring > 0) {
    Tally tally("counted");
    Progress progress(tally, Prints::kNothing);
    ForEachOptions walk = progress.Walk(prefix);
    walk.values = false;
    count = 0;
    const absl::Status status = store.ForEach(
        [&](absl::string_view, absl::string_view, const Entry&) {
          ++count;
          tally.CountDone();
          return true;
        },
        walk);
    if (!status.ok()) return Fail(status, Subject::kEntry);
  }
  Output out;
  out.Write(absl::StrCat(count, "\n"));
  return out.Finish();
}

void DefineCount(Subcommand* count) {
  const auto options = std::make_shared<PrefixOptions>();
  count->Notes(
      "With --prefix it takes the time of a walk through the whole store.\n"
      "Examples:\n  cubby count -s sessions\n  cubby count -s sessions --prefix user:");
  AddOnlyPrefix(count, options.get());
  count->DoWithStore(Mode::kReadOnly, options, &Count);
}

constexpr Command kCommands[] = {
    {"scan", "Print all entries in no particular order, one per line: key, tab, value",
     &DefineScan},
    {"count", "Print the number of entries", &DefineCount},
};

}  // namespace

absl::Span<const Command> ListingCommands() { return kCommands; }

}  // namespace cubby::cli
