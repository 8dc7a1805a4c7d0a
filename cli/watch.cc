// watch: the store's changes, as they come.
#include "client/watch.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/key_list.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"
#include "client/admin.h"
#include "program/standard_streams.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct Options {
  PrefixOptions prefix;
  absl::optional<uint64_t> since;
  absl::optional<int64_t> count;
  bool begin = false;
  bool no_wait = false;
  bool json = false;
};

absl::string_view NameOf(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kPut:
      return "put";
    case Change::Kind::kDelete:
      return "delete";
    case Change::Kind::kExpire:
      return "expire";
    case Change::Kind::kEvict:
      return "evict";
    case Change::Kind::kFlush:
      return "flush";
  }
  return "";
}

// How soon a command that waits for a change notices that its output's reader has gone.
constexpr absl::Duration kLookForReader = absl::Milliseconds(500);

// Prints one line for each change, and for each loss of changes.
class Printer {
 public:
  explicit Printer(bool json) : json_(json) {}

  void Print(const Change& change) { Print(change.revision, NameOf(change.kind), &change.key); }
  // All changes after that revision follow.
  void PrintBegin(uint64_t revision) { Print(revision, "begin", nullptr); }
  // Changes up to that revision are lost.
  void PrintLoss(uint64_t revision) { Print(revision, "lost", nullptr); }
  // Writes what is buffered.
  ExitCode Finish() { return out_.Finish(); }
  bool failed() const { return out_.failed(); }

 private:
  void Print(uint64_t revision, absl::string_view kind, const std::string* key) {
    if (json_) {
      Record record;
      record.AddNumber("revision", revision).AddText("kind", kind);
      if (key != nullptr) record.AddText("key", *key);
      return out_.Write(absl::StrCat(record.ToJson(), "\n"));
    }
    std::string line = absl::StrCat(revision, "\t", kind, "\t");
    if (key != nullptr) AppendField(*key, &line);
    line.push_back('\n');
    out_.Write(line);
  }

  const bool json_;
  Output out_;
};

ExitCode Follow(Watcher* watcher, const Options& options) {
  Printer printer(options.json);
  Change change;
  int64_t printed = 0;
  const int64_t count = options.count.value_or(INT64_MAX);
  if (options.begin) printer.PrintBegin(watcher->revision());
  while (printed < count && !printer.failed()) {
    // What is there at once is written at once.
    absl::Status status = watcher->Next(&change, absl::ZeroDuration());
    if (absl::IsDeadlineExceeded(status) && !options.no_wait) {
      const ExitCode written = printer.Finish();
      if (printer.failed()) return written;
      status = watcher->Next(&change, kLookForReader);
    }
    if (status.ok()) {
      printer.Print(change);
      ++printed;
    } else if (absl::IsOutOfRange(status)) {
      PrintMessage(status.message());
      printer.PrintLoss(watcher->revision());
    } else if (!absl::IsDeadlineExceeded(status)) {
      printer.Finish();
      return Fail(status, Subject::kStore);
    } else if (options.no_wait || !program::OutputHasReader()) {
      break;
    }
  }
  return printer.Finish();
}

ExitCode Watch(const StoreOptions& store_options, const Options& options) {
  if (options.count.has_value() && *options.count < 1) {
    return Fail(ExitCode::kUsage, absl::StrCat("--count ", *options.count, " is no number of ",
                                               "changes: give 1 or more"));
  }
  WatchOptions watch;
  ASSIGN_OR_RETURN_AS(watch.prefix, PrefixOf(options.prefix), Fail(status, Subject::kEntry));
  watch.since = options.since;
  absl::StatusOr<std::unique_ptr<Store>> store = store_options.Open(Mode::kReadWrite);
  if (absl::IsPermissionDenied(store.status()) || absl::IsResourceExhausted(store.status())) {
    // Who may only read, or finds no free writer's seat, may watch while changes are recorded.
    store = store_options.Open(Mode::kReadOnly);
    watch.ask_daemon = [&store_options](absl::Duration duration) -> absl::Status {
      ASSIGN_OR_RETURN(const std::unique_ptr<Admin> admin, store_options.Connect());
      return admin->RecordChanges(duration);
    };
  }
  if (!store.ok()) return Fail(store.status(), Subject::kStore);
  ASSIGN_OR_RETURN_AS(const std::unique_ptr<Watcher> watcher, (*store)->Watch(watch),
                      Fail(status, Subject::kStore));
  return Follow(watcher.get(), options);
}

void DefineWatch(Subcommand* command) {
  const auto options = std::make_shared<Options>();
  command->Notes(
      "Each line has a revision, what happened to the key, and the key, separated by tabs. The key "
      "is\n"
      "printed as `cubby scan` does: give it to get, put or del with --escaped. Kinds:\n"
      "  put     a new value, or a new lifetime; its entry has this revision\n"
      "  delete  removed\n"
      "  expire  removed after its lifetime, up to some seconds later\n"
      "  evict   removed to make room for another\n"
      "  flush   removed by a flush of the store, which prints a line for each key\n"
      "  lost    without a key: changes up to this revision are lost, because this command fell "
      "behind\n"
      "          by more than the store's change ring holds (cubbyd --changes), nothing recorded "
      "them,\n"
      "          or the store was made anew. Read all keys anew; later changes follow\n"
      "  begin   without a key: with --begin, the first line\n"
      "A put is slower while a process watches. Ends with the store, and with its output's "
      "reader.\n"
      "To begin with all that there is, start this with --begin, wait for its line, and then "
      "scan.\n"
      "\n"
      "Examples:\n"
      "  cubby watch -s sessions --begin\n"
      "  cubby watch -s sessions --since 4711 --no-wait --json\n"
      "  cubby watch -s config --prefix app: | while IFS=$'\\t' read -r revision kind key; do\n"
      "    echo \"$kind $key\"; done");
  AddOnlyPrefix(command, &options->prefix);
  command->AddRevision("--since", /*required=*/false, &options->since,
                       "Begin after this revision, such as the last one that was printed\n"
                       "before, and not with what comes from now on");
  command->AddInteger("--count", &options->count,
                      "End after so many changes, not counting the lines without a key");
  command->AddFlag("--begin", &options->begin,
                   "Print a first line: every change after its revision follows");
  command->AddFlag("--no-wait", &options->no_wait, "Print the changes that there are, and end");
  command->AddJson(&options->json,
                   "Print a JSON object on each line: revision, kind, and key, or\n"
                   "key_base64 if it is not UTF-8");
  command->Do(options, &Watch);
}

constexpr Command kCommands[] = {
    {"watch", "Print the changes of the store as they come, one per line", &DefineWatch},
};

}  // namespace

absl::Span<const Command> WatchCommands() { return kCommands; }

}  // namespace cubby::cli
