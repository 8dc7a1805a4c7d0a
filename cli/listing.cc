// scan count load verify: operations on many entries.
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

// Returns an entry in the format of `scan`, without a line end.
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
  // In JSON the separator is written before an entry, since only then is it known that one follows.
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
  // On error the closing bracket is left out, so that an incomplete list does not parse.
  if (options.json && status.ok()) out.Write(before == "[\n" ? "[]\n" : "\n]\n");
  const ExitCode written = out.Finish();
  return status.ok() ? written : Fail(status, Subject::kEntry);
}

void DefineScan(Subcommand* scan) {
  const auto options = std::make_shared<ScanOptions>();
  scan->Notes(
      "Backslash, tab, line feed and carriage return are printed as \\\\ \\t \\n \\r, other "
      "control\n"
      "characters and bytes that are not UTF-8 as \\xHH. `cubby load --escaped` reads this "
      "format.\n"
      "Examples:\n"
      "  cubby scan -s sessions --prefix user:\n"
      "  cubby scan -s sessions --json | jq -r '.[].key'\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  scan->AddText("--prefix", "BYTES", &options->prefix, "Only keys that begin with BYTES");
  scan->AddFlag("--keys-only", &options->keys_only, "Print keys without values");
  scan->AddFlag("--json", &options->json, kEntryJsonHelp);
  scan->DoWithStore(Mode::kReadOnly,
                    [options](const Store& store) { return Scan(store, *options); });
}

ExitCode Count(const Store& store) {
  const StoreStats stats = store.Stats();
  uint64_t count = stats.entries;
  if (stats.expiring > 0) {
    // The counter includes expired entries that are not swept yet: count those that a get finds.
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

constexpr char kEscapedHelp[] = "Decode the escapes of `cubby scan`; without it bytes are literal";

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
      "The first tab separates key and value; a line ends with LF or CR LF. Each entry is put as "
      "soon as\n"
      "its line is read. Stops at the first line that fails and prints its number; earlier entries "
      "stay.\n"
      "Examples:\n"
      "  cubby load -s words < words.tsv\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  load->AddFlag("--escaped", &options->escaped, kEscapedHelp);
  load->AddDuration("--ttl", &options->put.ttl, kTtlHelp);
  load->DoWithStore(Mode::kReadWrite, [options](Store& store) { return Load(store, *options); });
}

// Returns OK if the store has this entry, Aborted with the position if the value differs.
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
      "Reads the same lines as `cubby load`. Stops with exit code 1 at the first line whose key "
      "is\n"
      "missing or has another value, and prints its number.\n"
      "Example:\n"
      "  cubby verify -s words < words.tsv");
  verify->AddFlag("--escaped", escaped.get(), kEscapedHelp);
  verify->DoWithStore(Mode::kReadOnly,
                      [escaped](const Store& store) { return Verify(store, *escaped); });
}

constexpr Command kCommands[] = {
    {"scan", "Print all entries in no particular order, one per line: key, tab, value",
     &DefineScan},
    {"count", "Print the number of entries", &DefineCount},
    {"load", "Put entries from standard input, one per line: key, tab, value", &DefineLoad},
    {"verify", "Compare entries from standard input with the store, byte by byte", &DefineVerify},
};

}  // namespace

absl::Span<const Command> ListingCommands() { return kCommands; }

}  // namespace cubby::cli
