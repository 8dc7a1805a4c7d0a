#include "cli/many.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "cli/compute.h"
#include "cli/entry.h"
#include "cli/output.h"
#include "cli/printer.h"
#include "cli/progress.h"
#include "cli/status.h"
#include "cli/tally.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

// How far the command got: outlives what a signal interrupts.
Tally get_tally("found", "key", "missing");
Tally delete_tally("removed", "key", "missing");
Tally prefix_tally("removed");

struct GetOptions {
  KeyListOptions keys;
  bool many = false;  // prints entries, even if there is one key
  bool json = false;
  bool revision = false;
  absl::Duration touch;  // 0 if not given
  OrRunOptions or_run;

  Mode mode() const { return touch == absl::ZeroDuration() ? Mode::kReadOnly : Mode::kReadWrite; }
};

// `source`, unless it is empty, is a member that --json prints.
ExitCode PrintOne(absl::string_view key, absl::string_view value, const Entry& entry,
                  absl::string_view source, const GetOptions& options) {
  if (!options.json) {
    return PrintValue(options.revision ? absl::StrCat(entry.revision, "\n") : "", value);
  }
  Record record = EntryRecord(key, value, entry);
  if (!source.empty()) record.AddText("source", source);
  Output out;
  out.Write(record.ToJson());
  out.Write("\n");
  return out.Finish();
}

ExitCode GetOne(Store& store, const GetOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string key,
                      BytesOf(options.keys.words.front(), options.keys.encoding.escaped),
                      Fail(status, Subject::kEntry));
  std::string value;
  const absl::StatusOr<Entry> entry = options.mode() == Mode::kReadOnly
                                          ? store.Get(key, &value)
                                          : store.GetAndTouch(key, options.touch, &value);
  if (!entry.ok()) return Fail(EntryError(entry.status(), key), Subject::kEntry);
  return PrintOne(key, value, *entry, /*source=*/"", options);
}

// A hit needs no more than permission to read.
ExitCode GetOneOrRun(const StoreOptions& store_options, const GetOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string key,
                      BytesOf(options.keys.words.front(), options.keys.encoding.escaped),
                      Fail(status, Subject::kEntry));
  ASSIGN_OR_RETURN_AS(std::unique_ptr<Store> store, store_options.Open(Mode::kReadOnly),
                      Fail(status, Subject::kStore));
  std::string value;
  const absl::StatusOr<Entry> entry = store->Get(key, &value);
  if (entry.ok()) return PrintOne(key, value, *entry, NameOf(Computed::Source::kFound), options);
  if (!absl::IsNotFound(entry.status())) return Fail(entry.status(), Subject::kEntry);
  absl::StatusOr<std::unique_ptr<Store>> writable = store_options.Open(Mode::kReadWrite);
  if (writable.ok()) {
    store = *std::move(writable);
  } else if (!absl::IsPermissionDenied(writable.status())) {
    return Fail(writable.status(), Subject::kStore);
  }
  OrRunOptions or_run = options.or_run;
  or_run.compute.wait = store_options.timeout() == absl::ZeroDuration() ? absl::InfiniteDuration()
                                                                        : store_options.timeout();
  ASSIGN_OR_RETURN_AS(const Computed computed, GetOrRun(*store, or_run, key, &value),
                      Fail(status, Subject::kEntry));
  return PrintOne(key, value, computed.entry, NameOf(computed.source), options);
}

// Counts and reports a key that has no entry.
void Miss(Tally* tally, const absl::Status& status, absl::string_view key) {
  PrintMessage(EntryError(status, key).message());
  tally->CountFailed();
}

ExitCode GetMany(Store& store, const GetOptions& options) {
  get_tally.TellIfInterrupted();
  EntryPrinter printer(options.json                 ? EntryFormat::kJson
                       : options.keys.encoding.null ? EntryFormat::kNull
                                                    : EntryFormat::kLines);
  Progress progress(get_tally, Prints::kEntries);
  std::vector<std::string> values(kKeysPerVisit);
  std::vector<absl::StatusOr<Entry>> entries(kKeysPerVisit);
  const auto get = [&](absl::Span<const absl::string_view> keys) -> absl::Status {
    if (options.mode() == Mode::kReadOnly) {
      RETURN_IF_ERROR(store.MultiGet(keys, absl::MakeSpan(values).first(keys.size()),
                                     absl::MakeSpan(entries).first(keys.size())));
    } else {
      for (size_t i = 0; i < keys.size(); ++i) {
        entries[i] = store.GetAndTouch(keys[i], options.touch, &values[i]);
      }
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      if (entries[i].ok()) {
        printer.Print(keys[i], values[i], *entries[i]);
        get_tally.CountDone();
      } else if (absl::IsNotFound(entries[i].status())) {
        printer.PrintMissing(keys[i]);
        Miss(&get_tally, entries[i].status(), keys[i]);
      } else {
        return entries[i].status();
      }
    }
    // Others may wait for the answer before they write the next key.
    printer.Flush();
    progress.ShowInput();
    return printer.failed() ? absl::CancelledError() : absl::OkStatus();
  };
  const ExitCode printed = printer.Finish(ForEachKeys(store.limits(), options.keys, get));
  return printed == ExitCode::kOk && get_tally.failed() > 0 ? ExitCode::kNotFound : printed;
}

ExitCode Get(const StoreOptions& store_options, const GetOptions& options) {
  const bool null = options.keys.encoding.null;
  if (options.json && null) {
    return Fail(ExitCode::kUsage, "--json and -0 exclude each other: give one of them");
  }
  const bool many =
      options.many || null || options.keys.from_input() || options.keys.words.size() > 1;
  if (many && options.revision) {
    return Fail(ExitCode::kUsage, "--revision is for one key: give --json for many");
  }
  const absl::Status or_run = CheckOrRun(options.or_run);
  if (!or_run.ok()) return Fail(ExitCode::kUsage, or_run.message());
  if (options.or_run.given() && many) {
    return Fail(ExitCode::kUsage, "--or-run is for one key: get the others one by one");
  }
  if (options.or_run.given() && options.touch != absl::ZeroDuration()) {
    return Fail(ExitCode::kUsage, "--or-run and --touch exclude each other: give one of them");
  }
  if (options.or_run.given()) return GetOneOrRun(store_options, options);
  return WithStore(store_options, options.mode(), [&](Store& store) {
    return many ? GetMany(store, options) : GetOne(store, options);
  });
}

constexpr char kManyNotes[] =
    "Prints a line for each entry, in the order of the keys: key, tab, value, as `cubby scan` "
    "does, "
    "for\n"
    "`cubby load --escaped`; with --json an array of objects; with -0 the bytes of key and value, "
    "each\n"
    "followed by NUL. A key without an entry is named in a message and has no line, and in JSON an "
    "object\n"
    "whose value, revision and ttl_seconds are null; the exit code is then 1, after all keys. Each "
    "key of\n"
    "standard input is answered as soon as it is read.\n";

// Defines what get and mget have in common.
std::shared_ptr<GetOptions> DefineGets(Subcommand* get) {
  auto options = std::make_shared<GetOptions>();
  AddKeyList(get, /*required=*/true,
             "Keys in standard input end with NUL; print bytes as they are, NUL\n"
             "after each key and value, as `cubby scan -0`",
             &options->keys);
  get->AddJson(&options->json, kEntryJsonHelp);
  get->AddDuration("--touch", &options->touch,
                   "Give the entry a lifetime that begins now, as `cubby touch --ttl`");
  get->Do(options, &Get);
  return options;
}

ExitCode DeleteKeys(Store& store, const KeyListOptions& keys) {
  delete_tally.TellIfInterrupted();
  const auto remove = [&]() {
    Progress progress(delete_tally, Prints::kNothing);
    return ForEachKeys(store.limits(), keys,
                       [&](absl::Span<const absl::string_view> some) -> absl::Status {
                         for (const absl::string_view key : some) {
                           const absl::Status status = store.Delete(key);
                           if (status.ok()) {
                             delete_tally.CountDone();
                           } else if (absl::IsNotFound(status)) {
                             Miss(&delete_tally, status, key);
                           } else {
                             return status;
                           }
                         }
                         progress.ShowInput();
                         return absl::OkStatus();
                       });
  };
  const absl::Status status = remove();
  if (keys.from_input()) return EndTally(delete_tally, status);
  if (!status.ok()) return Fail(status, Subject::kEntry);
  return delete_tally.failed() > 0 ? ExitCode::kNotFound : ExitCode::kOk;
}

absl::Status DeletePrefix(Store& store, absl::string_view prefix) {
  prefix_tally.TellIfInterrupted();
  Progress progress(prefix_tally, Prints::kNothing);
  ForEachOptions walk = progress.Walk(prefix);
  walk.values = false;
  walk.hidden = true;  // ends what others compute, as a delete of each key does
  absl::Status failure;
  absl::Status damage;  // as a flush, a walk goes on behind it
  const absl::Status walked = store.ForEach(
      [&](absl::string_view key, absl::string_view, const Entry&) {
        const absl::Status status = store.Delete(key);
        if (status.ok()) {
          prefix_tally.CountDone();
        } else if (absl::IsDataLoss(status)) {
          damage = status;
        } else if (!absl::IsNotFound(status)) {  // that others have removed it is all right
          failure = status;
        }
        return failure.ok();
      },
      walk);
  RETURN_IF_ERROR(walked);
  RETURN_IF_ERROR(failure);
  return damage;
}

}  // namespace

void DefineGet(Subcommand* get) {
  get->Notes(
      absl::StrCat("With one key, prints the exact bytes of its value; appends a line end only on "
                   "a terminal. With\nseveral, with - and with -0, it is `cubby mget`:\n",
                   kManyNotes,
                   "With --touch the store must be writable, and the get is a write like a put.\n"
                   "With --or-run, a command that fails, or prints more than a value may have, is "
                   "an error (exit code 1, 4);\n"
                   "a value that cannot be stored is printed, with a message, and exit code 0. "
                   "--timeout limits the wait for\n"
                   "other runs. A value that --stale keeps counts towards the capacity; no other "
                   "command finds it.\n"
                   "Examples:\n"
                   "  cubby get -s sessions user:7\n"
                   "  cubby get -s sessions user:7 --json\n"
                   "  cubby get -s sessions user:7 --touch 30m\n"
                   "  cubby get -s sessions --escaped 'two\\nlines'\n"
                   "  cubby get -s sessions user:7 user:8\n"
                   "  cubby get -s sessions - < keys\n"
                   "  cubby get -s sessions report --or-run './report.sh' --ttl 60s --stale 5m"));
  const auto options = DefineGets(get);
  get->AddFlag("--revision", &options->revision,
               "Print the revision, for `cubby cas`, on a line before the value");
  AddOrRun(get, &options->or_run);
}

void DefineMultiGet(Subcommand* mget) {
  mget->Notes(absl::StrCat(kManyNotes,
                           "Examples:\n"
                           "  cubby mget -s sessions user:7 user:8\n"
                           "  cubby mget -s sessions --json - < keys | jq '.[].value'\n"
                           "  cubby scan -s sessions --keys-only -0 | cubby mget -s copy -0 -"));
  DefineGets(mget)->many = true;
}

void DefineDelete(Subcommand* del) {
  struct Arguments {
    KeyListOptions keys;
    PrefixOptions prefix;
  };
  const auto arguments = std::make_shared<Arguments>();
  del->Notes(
      "Removes each key that exists, and prints a message for each that does not; the exit code is "
      "1\n"
      "then. With -, prints at the end how many it removed; an interrupt (Ctrl-C) also prints how "
      "far\n"
      "it got.\n"
      "With --prefix, removes the entries whose keys begin with it and prints their number; the "
      "exit\n"
      "code is 0, even if there are none. That takes the time of a walk through the whole store, "
      "and an\n"
      "entry that is put meanwhile may stay or go. `cubby flush` removes all.\n"
      "Examples:\n"
      "  cubby del -s sessions user:7\n"
      "  cubby del -s sessions user:7 user:8\n"
      "  cubby del -s sessions --prefix user:\n"
      "  cubby scan -s sessions --keys-only -0 | cubby del -s sessions -0 -");
  AddKeyList(del, /*required=*/false, "Keys in standard input end with NUL", &arguments->keys);
  AddPrefix(del, "Remove the entries whose keys begin with BYTES", &arguments->prefix);
  del->Do(arguments, [](const StoreOptions& store_options, Arguments& given) {
    if (given.keys.words.empty() != given.prefix.word.has_value()) {
      return Fail(ExitCode::kUsage, "give either keys or a --prefix");
    }
    if (given.prefix.word.has_value()) {
      given.prefix.escaped = given.keys.encoding.escaped;
      return RemovePrefix(store_options, given.prefix);
    }
    return WithStore(store_options, Mode::kReadWrite,
                     [&given](Store& store) { return DeleteKeys(store, given.keys); });
  });
}

ExitCode RemovePrefix(const StoreOptions& store_options, const PrefixOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string prefix, PrefixOf(options), Fail(status, Subject::kEntry));
  if (prefix.empty()) {
    return Fail(ExitCode::kUsage,
                "--prefix is empty: give the beginning of some keys, or use `cubby flush` for all");
  }
  return WithStore(store_options, Mode::kReadWrite, [&prefix](Store& store) {
    return EndTally(prefix_tally, DeletePrefix(store, prefix));
  });
}

}  // namespace cubby::cli
