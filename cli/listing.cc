// scan count load verify: operations on many entries.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/tally.h"
#include "cli/text.h"
#include "program/output.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct ScanOptions {
  std::string prefix;
  bool escaped = false;
  bool keys_only = false;
  bool json = false;
  bool null = false;
};

bool HasNul(absl::string_view bytes) { return bytes.find('\0') != absl::string_view::npos; }

// Returns an entry as a line of `scan`, without a line end.
std::string ScanLine(bool keys_only, absl::string_view key, absl::string_view value,
                     const Entry& entry) {
  std::string line;
  AppendField(key, &line);
  if (keys_only) return line;
  line.push_back('\t');
  AppendField(value, &line);
  if (entry.ttl < absl::InfiniteDuration()) {
    absl::StrAppend(&line, "\t", FormatExpiry(entry.expires()));
  }
  return line;
}

// Visits the entries whose keys begin with `prefix`, until `visit` returns false.
absl::Status ForEachWithPrefix(
    const Store& store, absl::string_view prefix,
    absl::FunctionRef<bool(absl::string_view key, absl::string_view value, const Entry& entry)>
        visit) {
  return store.ForEach([&](absl::string_view key, absl::string_view value, const Entry& entry) {
    return !absl::StartsWith(key, prefix) || visit(key, value, entry);
  });
}

ExitCode ScanLines(const Store& store, const ScanOptions& options, absl::string_view prefix) {
  Output out;
  const absl::Status status = ForEachWithPrefix(
      store, prefix, [&](absl::string_view key, absl::string_view value, const Entry& entry) {
        out.Write(ScanLine(options.keys_only, key, value, entry));
        out.Write("\n");
        return !out.failed();
      });
  const ExitCode written = out.Finish();
  return status.ok() ? written : Fail(status, Subject::kEntry);
}

ExitCode ScanJson(const Store& store, const ScanOptions& options, absl::string_view prefix) {
  Output out;
  // The separator is written before an entry, since only then is it known that one follows.
  absl::string_view before = "[\n";
  const absl::Status status = ForEachWithPrefix(
      store, prefix, [&](absl::string_view key, absl::string_view value, const Entry& entry) {
        out.Write(before);
        out.Write(
            (options.keys_only ? Record().AddText("key", key) : EntryRecord(key, value, entry))
                .ToJson());
        before = ",\n";
        return !out.failed();
      });
  // On error the closing bracket is left out, so that an incomplete list does not parse.
  if (status.ok()) out.Write(before == "[\n" ? "[]\n" : "\n]\n");
  const ExitCode written = out.Finish();
  return status.ok() ? written : Fail(status, Subject::kEntry);
}

// Prints bytes as they are, each key and value followed by NUL.
ExitCode ScanNull(const Store& store, const ScanOptions& options, absl::string_view prefix) {
  Output out;
  uint64_t left_out = 0;
  std::string first_left_out;
  const absl::Status status = ForEachWithPrefix(
      store, prefix, [&](absl::string_view key, absl::string_view value, const Entry&) {
        const absl::string_view printed = options.keys_only ? absl::string_view() : value;
        if (HasNul(key) || HasNul(printed)) {
          if (left_out++ == 0) first_left_out = std::string(key);
          return true;
        }
        out.Write(key);
        out.Write(absl::string_view("\0", 1));
        if (!options.keys_only) {
          out.Write(value);
          out.Write(absl::string_view("\0", 1));
        }
        return !out.failed();
      });
  const ExitCode written = out.Finish();
  if (!status.ok()) return Fail(status, Subject::kEntry);
  if (written != ExitCode::kOk || left_out == 0) return written;
  return Fail(ExitCode::kNotFound,
              absl::StrCat("left out ", left_out, base::OneOrMany(left_out, " entry", " entries"),
                           " with a NUL byte, first that of ", Quoted(first_left_out),
                           ": scan without -0, and give such keys with --escaped"));
}

ExitCode Scan(const Store& store, const ScanOptions& options) {
  if (options.json && options.null) {
    return Fail(ExitCode::kUsage, "--json and -0 exclude each other: give one of them");
  }
  ASSIGN_OR_RETURN_AS(const std::string prefix, BytesOf(options.prefix, options.escaped),
                      Fail(status, Subject::kEntry));
  if (options.json) return ScanJson(store, options, prefix);
  if (options.null) return ScanNull(store, options, prefix);
  return ScanLines(store, options, prefix);
}

void DefineScan(Subcommand* scan) {
  const auto options = std::make_shared<ScanOptions>();
  scan->Notes(
      "Backslash, tab, line feed and carriage return are printed as \\\\ \\t \\n \\r, other "
      "invisible\n"
      "characters and bytes that are not UTF-8 as \\xHH. An entry with a ttl has a third field, "
      "when it\n"
      "expires: expires=SECONDS since 1970. `cubby load --escaped` reads this format, ttls "
      "included.\n"
      "Examples:\n"
      "  cubby scan -s sessions --prefix user:\n"
      "  cubby scan -s sessions --json | jq -r '.[].key'\n"
      "  cubby scan -s sessions --keys-only -0 | xargs -0 -r -n 1 cubby del -s sessions --\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  scan->AddText("--prefix", "BYTES", &options->prefix, "Only keys that begin with BYTES");
  scan->AddFlag("--escaped", &options->escaped, "Decode the escapes of `cubby scan` in BYTES");
  scan->AddFlag("--keys-only", &options->keys_only, "Print keys without values");
  scan->AddFlag("-0,--null", &options->null,
                "Print bytes as they are, NUL after each key and value, for xargs -0;\n"
                "exit code 1 if entries that contain a NUL were left out");
  scan->AddJson(&options->json, kEntryJsonHelp);
  scan->DoWithStore(Mode::kReadOnly, options, &Scan);
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
  bool keep_going = false;
};

// How far the command got: outlives what a signal interrupts.
Tally load_tally("loaded", "failed");
Tally verify_tally("verified", "different");

bool HasExpired(const InputEntry& entry) {
  return entry.expires.has_value() && *entry.expires <= absl::Now();
}

// Works on the entry of a line by `work` and counts the line, or leaves out an entry that has
// expired. Prints and counts a failure that `may_go_on` accepts; returns others.
absl::Status DoLine(Tally* tally, uint64_t number, const absl::StatusOr<InputEntry>& entry,
                    absl::FunctionRef<absl::Status(const InputEntry&)> work,
                    absl::FunctionRef<bool(const absl::Status&)> may_go_on) {
  if (entry.ok() && HasExpired(*entry)) {
    tally->CountExpired();
    return absl::OkStatus();
  }
  const absl::Status status = entry.ok() ? work(*entry) : entry.status();
  if (status.ok()) {
    tally->CountDone();
    return absl::OkStatus();
  }
  const absl::Status error = AtLine(number, status);
  if (!may_go_on(status)) return error;
  program::PrintMessage("cubby", error.message());
  tally->CountFailed();
  return absl::OkStatus();
}

// Ends a subcommand that read lines until `status`.
ExitCode EndLines(const Tally& tally, const absl::Status& status) {
  if (!status.ok()) {
    return Fail(ExitCodeFor(status, Subject::kEntry),
                absl::StrCat(status.message(), "; ", tally.Summary(), " before it"));
  }
  if (tally.failed() > 0) return Fail(ExitCode::kNotFound, tally.Summary());
  Output out;
  out.Write(absl::StrCat(tally.Summary(), "\n"));
  return out.Finish();
}

absl::Status LoadEntry(Store& store, const PutOptions& put, const InputEntry& entry) {
  PutOptions options = put;
  if (entry.expires.has_value()) options.expires = entry.expires;
  return store.Put(entry.key, entry.value, options).status();
}

// Returns true for the errors of a line or of its entry, after which other lines may succeed.
bool IsOfOneLine(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsOutOfRange(status) ||
         absl::IsResourceExhausted(status);
}

// Tells whether lines look as if `scan` printed them: some have escapes, and none has what `scan`
// would have escaped.
class ScanRecognizer {
 public:
  void Look(const InputEntry& entry) {
    for (const absl::string_view field : {entry.key, entry.value}) {
      if (!plausible_ || !absl::StrContains(field, '\\')) continue;
      const absl::StatusOr<std::string> bytes = BytesFromField(field);
      std::string printed;
      if (bytes.ok()) AppendField(*bytes, &printed);
      plausible_ = printed == field;
      escapes_ = true;
    }
  }
  bool IsScan() const { return plausible_ && escapes_; }

 private:
  bool plausible_ = true;
  bool escapes_ = false;
};

ExitCode Load(Store& store, const LoadOptions& options) {
  load_tally.TellIfInterrupted();
  ScanRecognizer recognizer;
  const absl::Status status = ForEachInputLine(
      store.limits(), options.escaped,
      [&](uint64_t number, const absl::StatusOr<InputEntry>& entry) {
        if (!options.escaped && entry.ok()) recognizer.Look(*entry);
        return DoLine(
            &load_tally, number, entry,
            [&](const InputEntry& input) { return LoadEntry(store, options.put, input); },
            [&](const absl::Status& failure) {
              return options.keep_going && IsOfOneLine(failure);
            });
      });
  if (recognizer.IsScan()) {
    program::PrintMessage("cubby",
                          "backslashes were stored as they are: if `cubby scan` printed the lines, "
                          "load them again with --escaped");
  }
  return EndLines(load_tally, status);
}

void DefineLoad(Subcommand* load) {
  const auto options = std::make_shared<LoadOptions>();
  load->Notes(
      "The first tab separates key and value; a line ends with LF or CR LF. Each entry is put as "
      "soon as\n"
      "its line is read. Stops at the first line that fails and prints its number; earlier entries "
      "stay.\n"
      "With --keep-going it leaves out lines that are malformed, over a limit or find the store "
      "full: it\n"
      "prints each one's number and reason, and at the end how many entries were loaded and how "
      "many\n"
      "lines failed; the exit code is then 1. An interrupt (Ctrl-C, SIGTERM, SIGHUP) also prints "
      "how far it\n"
      "got; a script's `&` has SIGINT ignored.\n"
      "Lines of `cubby scan` need --escaped: without it their backslashes are stored as they are.\n"
      "With --escaped an entry expires when its line says so; one that has expired is counted and "
      "left out.\n"
      "Examples:\n"
      "  cubby load -s words < words.tsv\n"
      "  cubby load -s words --keep-going < words.tsv\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped");
  load->AddFlag("--escaped", &options->escaped, kEscapedHelp);
  load->AddFlag("--keep-going", &options->keep_going,
                "Leave out lines that fail, and count them; exit code 1 if there are any");
  load->AddDuration("--ttl", &options->put.ttl,
                    absl::StrCat(kTtlHelp, ";\nof lines that state no expiry"));
  load->DoWithStore(Mode::kReadWrite, options, &Load);
}

// Returns OK if the store has this entry, Aborted with the difference if it has another one.
absl::Status VerifyEntry(const Store& store, const InputEntry& expected, std::string* value) {
  const absl::StatusOr<Entry> entry = store.Get(expected.key, value);
  if (!entry.ok()) return EntryError(entry.status(), expected.key);
  if (*value != expected.value) {
    const absl::StatusOr<std::string> decoded = BytesFromField(expected.value);
    if (decoded.ok() && *value == *decoded) {
      return absl::AbortedError(absl::StrCat("the value of ", Quoted(expected.key),
                                             " is the line's with its escapes decoded: give "
                                             "--escaped"));
    }
    const auto same =
        std::mismatch(value->begin(), value->end(), expected.value.begin(), expected.value.end());
    return absl::AbortedError(absl::StrCat(
        "the value of ", Quoted(expected.key), " differs at byte ", same.first - value->begin(),
        ": the store's has ", value->size(), base::OneOrMany(value->size(), " byte", " bytes"),
        ", the line's ", expected.value.size()));
  }
  if (expected.expires.has_value() && entry->ttl == absl::InfiniteDuration()) {
    return absl::AbortedError(
        absl::StrCat(Quoted(expected.key), " never expires, but does so by the line"));
  }
  return absl::OkStatus();
}

// Returns true for the errors that say that a line's entry is not in the store.
bool IsDifference(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsAborted(status) || absl::IsInvalidArgument(status) ||
         absl::IsOutOfRange(status);
}

ExitCode Verify(const Store& store, bool escaped) {
  verify_tally.TellIfInterrupted();
  std::string value;
  const absl::Status status = ForEachInputLine(
      store.limits(), escaped, [&](uint64_t number, const absl::StatusOr<InputEntry>& entry) {
        return DoLine(
            &verify_tally, number, entry,
            [&](const InputEntry& expected) { return VerifyEntry(store, expected, &value); },
            IsDifference);
      });
  return EndLines(verify_tally, status);
}

void DefineVerify(Subcommand* verify) {
  const auto escaped = std::make_shared<bool>(false);
  verify->Notes(
      "Reads the same lines as `cubby load`. Prints the number of each line whose entry the store "
      "does not\n"
      "have: a missing key, another value, no expiry where the line states one, or no entry in the "
      "line;\n"
      "at the end it prints how many, and the exit code is 1. An interrupt also prints how far it "
      "got.\n"
      "Lines whose expiry has passed are counted and not compared. Lines of `cubby scan` need "
      "--escaped.\n"
      "Example:\n"
      "  cubby verify -s words < words.tsv");
  verify->AddFlag("--escaped", escaped.get(), kEscapedHelp);
  verify->DoWithStore(Mode::kReadOnly, escaped, &Verify);
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
