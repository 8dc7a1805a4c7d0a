// scan count load verify: many entries at a time.
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct ScanOptions {
  std::string prefix;
  bool keys_only = false;
  bool json = false;
};

// One entry as `scan` shows it, without a line end.
std::string ScanLine(const ScanOptions& options, absl::string_view key, absl::string_view value,
                     const Entry& entry) {
  if (options.json) {
    return (options.keys_only ? Record().AddText("key", key) : EntryRecord(key, value, entry))
        .ToJson();
  }
  std::string line;
  AppendField(key, &line);
  if (options.keys_only) return line;
  line.push_back('\t');
  AppendField(value, &line);
  return line;
}

ExitCode Scan(const Store& store, const ScanOptions& options) {
  Output out;
  // Lines end after each entry; in JSON they begin before it, so that the comma can be there or
  // not.
  absl::string_view before = options.json ? "[\n" : "";
  const absl::Status status =
      store.ForEach([&](absl::string_view key, absl::string_view value, const Entry& entry) {
        if (!absl::StartsWith(key, options.prefix)) return true;
        out.Write(before);
        out.Write(ScanLine(options, key, value, entry));
        if (options.json) {
          before = ",\n";
        } else {
          out.Write("\n");
        }
        return !out.failed();
      });
  // Without the closing bracket on error: half a list must not pass for a whole one.
  if (options.json && status.ok()) out.Write(before == "[\n" ? "[]\n" : "\n]\n");
  const ExitCode written = out.Finish();
  return status.ok() ? written : Fail(status, Subject::kEntry);
}

void DefineScan(Subcommand* scan) {
  const auto options = std::make_shared<ScanOptions>();
  scan->Notes(
      "In lines, backslash, tab, line feed and carriage return are shown as \\\\ \\t \\n "
      "\\r, other\n"
      "control characters and bytes that are not UTF-8 as \\xHH: `cubby load --escaped` "
      "reads it back.\n"
      "Examples:\n"
      "  cubby scan -s sessions --prefix user:\n"
      "  cubby scan -s sessions --json | jq -r '.[].key'\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  scan->AddText("--prefix", "BYTES", &options->prefix, "Only keys that begin so");
  scan->AddFlag("--keys-only", &options->keys_only, "Without the values");
  scan->AddFlag("--json", &options->json, kEntryJsonHelp);
  scan->DoWithStore(Mode::kReadOnly,
                    [options](const Store& store) { return Scan(store, *options); });
}

ExitCode Count(const Store& store) {
  const StoreStats stats = store.Stats();
  uint64_t count = stats.entries;
  if (stats.expiring > 0) {
    // Some of those may have expired and not been swept yet: only a walk leaves them out.
    count = 0;
    const absl::Status status =
        store.ForEach([&count](absl::string_view, absl::string_view, const Entry&) {
          ++count;
          return true;
        });
    if (!status.ok()) return Fail(status, Subject::kEntry);
  }
  Output out;
  out.Write(absl::StrCat(count, "\n"));
  return out.Finish();
}

void DefineCount(Subcommand* count) {
  count->Notes("Example:\n  cubby count -s sessions");
  count->DoWithStore(Mode::kReadOnly, &Count);
}

constexpr char kEscapedHelp[] =
    "Undo the escapes of `cubby scan`; else bytes are taken as they are";

struct LoadOptions {
  PutOptions put;
  bool escaped = false;
};

ExitCode Load(Store& store, const LoadOptions& options) {
  uint64_t loaded = 0;
  const absl::Status status = ForEachInputEntry(
      store.limits(), options.escaped, [&](absl::string_view key, absl::string_view value) {
        const absl::Status put = store.Put(key, value, options.put).status();
        if (put.ok()) ++loaded;
        return put;
      });
  const std::string summary = absl::StrCat("loaded ", loaded, loaded == 1 ? " entry" : " entries");
  if (!status.ok()) {
    return Fail(ExitCodeFor(status, Subject::kEntry),
                absl::StrCat(status.message(), "; ", summary, " before it"));
  }
  Output out;
  out.Write(absl::StrCat(summary, "\n"));
  return out.Finish();
}

void DefineLoad(Subcommand* load) {
  const auto options = std::make_shared<LoadOptions>();
  load->Notes(
      "The first tab parts key and value; a line ends with LF or CR LF. Each is put as it comes. "
      "Stops at\n"
      "the first line that cannot be loaded, and names it; the entries before it stay.\n"
      "Examples:\n"
      "  cubby load -s words < words.tsv\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  load->AddFlag("--escaped", &options->escaped, kEscapedHelp);
  load->AddDuration("--ttl", &options->put.ttl, kTtlHelp);
  load->DoWithStore(Mode::kReadWrite, [options](Store& store) { return Load(store, *options); });
}

// OK if the store has that entry; Aborted, saying where they part, if its value is another one.
absl::Status VerifyEntry(const Store& store, absl::string_view key, absl::string_view expected,
                         std::string* value) {
  const absl::Status status = store.Get(key, value).status();
  if (!status.ok()) return EntryError(status, key);
  if (*value == expected) return absl::OkStatus();
  size_t same = 0;
  while (same < value->size() && same < expected.size() && (*value)[same] == expected[same]) ++same;
  return absl::AbortedError(absl::StrCat("the value of ", Quoted(key), " differs at byte ", same,
                                         ": the store's has ", value->size(), " bytes, the line's ",
                                         expected.size()));
}

ExitCode Verify(const Store& store, bool escaped) {
  uint64_t verified = 0;
  std::string value;
  const absl::Status status = ForEachInputEntry(
      store.limits(), escaped, [&](absl::string_view key, absl::string_view expected) {
        const absl::Status same = VerifyEntry(store, key, expected, &value);
        if (same.ok()) ++verified;
        return same;
      });
  if (!status.ok()) return Fail(status, Subject::kEntry);
  Output out;
  out.Write(absl::StrCat("verified ", verified, verified == 1 ? " entry\n" : " entries\n"));
  return out.Finish();
}

void DefineVerify(Subcommand* verify) {
  const auto escaped = std::make_shared<bool>(false);
  verify->Notes(
      "Reads lines as `cubby load` does. Exit code 1, naming the line, at the first whose key is\n"
      "missing or has another value.\n"
      "Example:\n"
      "  cubby verify -s words < words.tsv");
  verify->AddFlag("--escaped", escaped.get(), kEscapedHelp);
  verify->DoWithStore(Mode::kReadOnly,
                      [escaped](const Store& store) { return Verify(store, *escaped); });
}

constexpr Command kCommands[] = {
    {"scan", "List the entries, in no order: a line each of key, tab, value", &DefineScan},
    {"count", "Print the number of entries", &DefineCount},
    {"load", "Put the entries that standard input lists: a line each of key, tab, value",
     &DefineLoad},
    {"verify", "Compare the entries that standard input lists with the store's, byte for byte",
     &DefineVerify},
};

}  // namespace

absl::Span<const Command> ListingCommands() { return kCommands; }

}  // namespace cubby::cli
