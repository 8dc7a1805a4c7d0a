// dump load verify: entries in files.
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
#include "cli/dump.h"
#include "cli/input.h"
#include "cli/key_list.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/status.h"
#include "cli/tally.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

// How far the command got: outlives what a signal interrupts.
Tally dump_tally("dumped");
Tally load_tally("loaded", "line", "failed");
Tally verify_tally("verified", "line", "different");

ExitCode Dump(const Store& store, const PrefixOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string prefix, PrefixOf(options), Fail(status, Subject::kEntry));
  dump_tally.TellIfInterrupted();
  Output out;
  out.Write(DumpHeader());
  Progress progress(dump_tally, Prints::kEntries);
  const ForEachOptions walk = progress.Walk(prefix);
  uint64_t entries = 0;
  std::string line;
  const absl::Status status = store.ForEach(
      [&](absl::string_view key, absl::string_view value, const Entry& entry) {
        line.clear();
        AppendDumpLine(key, value, entry, &line);
        out.Write(line);
        ++entries;
        dump_tally.CountDone();
        return !out.failed();
      },
      walk);
  // On error the last line is left out, so that an incomplete dump does not pass for a whole one.
  if (status.ok()) out.Write(DumpEnd(entries));
  const ExitCode written = out.Finish();
  return status.ok() ? written : Fail(status, Subject::kEntry);
}

void DefineDump(Subcommand* dump) {
  const auto options = std::make_shared<PrefixOptions>();
  dump->Notes(
      "For files that `cubby load` and `cubby verify` read whole, in place of `cubby scan` for "
      "people and\n"
      "text tools. A dump is the lines of a scan, each with the entry's revision and a checksum, "
      "between a\n"
      "first line that names the format and a last one with the number of entries: load and verify "
      "know it\n"
      "without --escaped, and find changed bytes, lost lines and an end that is missing. An entry "
      "that is\n"
      "put or deleted meanwhile may be in it or not.\n"
      "Expiry is a time of day: a dump that is loaded later gives entries what is left of their "
      "lives then.\n"
      "Revisions are for comparing dumps of one store: an entry that is loaded gets a new one, as "
      "by a put.\n"
      "Examples:\n"
      "  cubby dump -s sessions > sessions.dump && cubby load -s copy < sessions.dump\n"
      "  cubby dump -s sessions | zstd > sessions.dump.zst");
  AddOnlyPrefix(dump, options.get());
  dump->DoWithStore(Mode::kReadOnly, options, &Dump);
}

constexpr char kEscapedHelp[] = "Decode the escapes of `cubby scan`; without it bytes are literal";

struct LoadOptions {
  PutOptions put;
  bool escaped = false;
  bool keep_going = false;
};

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
  PrintMessage(error.message());
  tally->CountFailed();
  return absl::OkStatus();
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
  Progress progress(load_tally, Prints::kNothing);
  ScanRecognizer recognizer;
  const absl::Status status = ForEachInputLine(
      store.limits(), options.escaped,
      [&](uint64_t number, const absl::StatusOr<InputEntry>& entry) {
        progress.ShowInput();
        if (entry.ok() && entry->literal) recognizer.Look(*entry);
        return DoLine(
            &load_tally, number, entry,
            [&](const InputEntry& input) { return LoadEntry(store, options.put, input); },
            [&](const absl::Status& failure) {
              return options.keep_going && IsOfOneLine(failure);
            });
      });
  if (recognizer.IsScan()) {
    PrintMessage(
        "backslashes were stored as they are: if `cubby scan` printed the lines, load them again "
        "with --escaped");
  }
  return EndTally(load_tally, status);
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
      "The output of `cubby dump` is known by its first line. A damaged line of it is one that "
      "fails.\n"
      "Lines of `cubby scan` need --escaped: without it their backslashes are stored as they are.\n"
      "With --escaped an entry expires when its line says so; one that has expired is counted and "
      "left out.\n"
      "Examples:\n"
      "  cubby load -s words < words.tsv\n"
      "  cubby load -s words --keep-going < words.tsv\n"
      "  cubby scan -s sessions | cubby load -s copy --escaped\n"
      "  cubby dump -s sessions | cubby load -s copy");
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
    if (expected.literal && decoded.ok() && *value == *decoded) {
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
  Progress progress(verify_tally, Prints::kNothing);
  std::string value;
  const absl::Status status = ForEachInputLine(
      store.limits(), escaped, [&](uint64_t number, const absl::StatusOr<InputEntry>& entry) {
        progress.ShowInput();
        return DoLine(
            &verify_tally, number, entry,
            [&](const InputEntry& expected) { return VerifyEntry(store, expected, &value); },
            IsDifference);
      });
  return EndTally(verify_tally, status);
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
      "--escaped;\n"
      "the output of `cubby dump` is known by its first line.\n"
      "Example:\n"
      "  cubby verify -s words < words.tsv");
  verify->AddFlag("--escaped", escaped.get(), kEscapedHelp);
  verify->DoWithStore(Mode::kReadOnly, escaped, &Verify);
}

constexpr Command kCommands[] = {
    {"dump", "Print all entries for a file, with expiries, revisions and checksums", &DefineDump},
    {"load", "Put entries from standard input, one per line: key, tab, value", &DefineLoad},
    {"verify", "Compare entries from standard input with the store, byte by byte", &DefineVerify},
};

}  // namespace

absl::Span<const Command> FileCommands() { return kCommands; }

}  // namespace cubby::cli
