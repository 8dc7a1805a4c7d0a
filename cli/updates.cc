// incr decr append getset getdel touch ttl persist: changes that depend on the entry as it is.
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/entry.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct IncrementArguments {
  KeyOptions key;
  absl::optional<int64_t> by;
  IncrementOptions increment;
};

// `by` is what to add.
ExitCode Increment(Store& store, const IncrementArguments& arguments, int64_t by) {
  ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(arguments.key), Fail(status, Subject::kEntry));
  const absl::StatusOr<int64_t> sum = store.Increment(key, by, arguments.increment);
  if (absl::IsNotFound(sum.status())) {
    return Fail(ExitCode::kNotFound,
                absl::StrCat("no such key ", Quoted(key), ": give --initial to make it"));
  }
  if (!sum.ok()) return Fail(sum.status(), Subject::kEntry);
  Output out;
  out.Write(absl::StrCat(*sum, "\n"));
  return out.Finish();
}

ExitCode CheckAndIncrement(const StoreOptions& store, const IncrementArguments& arguments,
                           bool down) {
  int64_t by = arguments.by.value_or(1);
  if (down && by == std::numeric_limits<int64_t>::min()) {
    return Fail(ExitCode::kUsage, absl::StrCat("BY ", by, " has no opposite of 64 bits: use incr"));
  }
  if (down) by = -by;
  if (!arguments.increment.initial.has_value() &&
      arguments.increment.ttl != absl::InfiniteDuration()) {
    return Fail(ExitCode::kUsage,
                "--ttl is for a new counter: give --initial too, or use `cubby touch`");
  }
  return WithStore(store, Mode::kReadWrite,
                   [&](Store& opened) { return Increment(opened, arguments, by); });
}

void DefineIncrement(Subcommand* subcommand, absl::string_view name, bool down) {
  const auto arguments = std::make_shared<IncrementArguments>();
  subcommand->Notes(absl::Substitute(
      "The value must be a decimal number that fits in 64 bits with a sign: else exit code 2,\n"
      "and 4 if the result does not fit. The entry keeps its lifetime. Prints the result. Without\n"
      "--initial a missing key is an error, with exit code 1.\n"
      "Examples:\n"
      "  cubby $0 -s sessions visits\n"
      "  cubby $0 -s sessions visits 10 --initial 0\n"
      "  cubby $0 -s sessions calls:7 --initial 1 --ttl 1m",
      name));
  AddKey(subcommand, &arguments->key);
  subcommand->AddInteger("BY", &arguments->by, "The difference [1]");
  subcommand->AddInteger("--initial", &arguments->increment.initial,
                         "The number to set, and print, if the key has no entry");
  subcommand->AddDuration("--ttl", &arguments->increment.ttl, kNewTtlHelp);
  subcommand->Do([arguments, down](const StoreOptions& store) {
    return CheckAndIncrement(store, *arguments, down);
  });
}

void DefineAppend(Subcommand* append) {
  struct Arguments {
    KeyOptions key;
    ValueOptions value;
    AppendOptions append;
  };
  const auto arguments = std::make_shared<Arguments>();
  append->Notes(
      "Sets the value if the key has no entry. An entry keeps its lifetime.\n"
      "Example:\n"
      "  date | cubby append -s sessions log:7 - --ttl 1d");
  AddKey(append, &arguments->key);
  AddValue(append, &arguments->value);
  append->AddDuration("--ttl", &arguments->append.ttl, kNewTtlHelp);
  append->DoWithStore(Mode::kReadWrite, [arguments](Store& store) {
    ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(arguments->key),
                        Fail(status, Subject::kEntry));
    ASSIGN_OR_RETURN_AS(const std::string value,
                        ReadValue(arguments->value, store.limits().max_value_bytes),
                        Fail(status, Subject::kEntry));
    const absl::Status status = store.Append(key, value, arguments->append).status();
    return status.ok() ? ExitCode::kOk : Fail(EntryError(status, key), Subject::kEntry);
  });
}

void DefineGetSet(Subcommand* getset) {
  struct Arguments {
    KeyOptions key;
    ValueOptions value;
    PutOptions put;
  };
  const auto arguments = std::make_shared<Arguments>();
  getset->Notes(
      "Prints the exact bytes of the old value, as `cubby get` does; nothing, with exit code 0, "
      "if\n"
      "the key had no entry.\n"
      "Example:\n"
      "  cubby getset -s sessions leader \"$HOSTNAME\"");
  AddKey(getset, &arguments->key);
  AddValue(getset, &arguments->value);
  getset->AddDuration("--ttl", &arguments->put.ttl, kTtlHelp);
  getset->AddFlag("--keep-ttl", &arguments->put.keep_ttl, kKeepTtlHelp);
  getset->DoWithStore(Mode::kReadWrite, [arguments](Store& store) {
    ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(arguments->key),
                        Fail(status, Subject::kEntry));
    ASSIGN_OR_RETURN_AS(const std::string value,
                        ReadValue(arguments->value, store.limits().max_value_bytes),
                        Fail(status, Subject::kEntry));
    std::string old_value;
    const absl::Status status = store.GetAndSet(key, value, &old_value, arguments->put).status();
    if (!status.ok()) return Fail(EntryError(status, key), Subject::kEntry);
    return old_value.empty() ? ExitCode::kOk : PrintValue("", old_value);
  });
}

ExitCode GetDel(Store& store, const std::string& key) {
  std::string value;
  const absl::Status status = store.GetAndDelete(key, &value).status();
  if (!status.ok()) return Fail(EntryError(status, key), Subject::kEntry);
  return PrintValue("", value);
}

void DefineTouch(Subcommand* touch) {
  struct Arguments {
    KeyOptions key;
    absl::Duration ttl = absl::InfiniteDuration();
  };
  const auto arguments = std::make_shared<Arguments>();
  touch->Notes(
      "The lifetime begins now. Without --ttl the entry never expires. The value stays; the\n"
      "revision rises, as after a put.\n"
      "Example:\n"
      "  cubby touch -s sessions user:7 --ttl 30m");
  AddKey(touch, &arguments->key);
  touch->AddDuration("--ttl", &arguments->ttl, kTtlHelp);
  touch->DoWithStore(Mode::kReadWrite, [arguments](Store& store) {
    ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(arguments->key),
                        Fail(status, Subject::kEntry));
    const absl::Status status = store.Touch(key, arguments->ttl).status();
    return status.ok() ? ExitCode::kOk : Fail(EntryError(status, key), Subject::kEntry);
  });
}

ExitCode Ttl(Store& store, const std::string& key) {
  ASSIGN_OR_RETURN_AS(const Entry entry, store.GetMetadata(key),
                      Fail(EntryError(status, key), Subject::kEntry));
  Output out;
  out.Write(absl::StrCat(SecondsText(entry.ttl), "\n"));
  return out.Finish();
}

ExitCode Persist(Store& store, const std::string& key) {
  const absl::Status status = store.Persist(key).status();
  return status.ok() ? ExitCode::kOk : Fail(EntryError(status, key), Subject::kEntry);
}

constexpr Command kCommands[] = {
    {"incr", "Add to the number that a key holds, and print the sum",
     [](Subcommand* incr) { DefineIncrement(incr, "incr", /*down=*/false); }},
    {"decr", "Subtract from the number that a key holds, and print the difference",
     [](Subcommand* decr) { DefineIncrement(decr, "decr", /*down=*/true); }},
    {"append", "Append to the value of a key", &DefineAppend},
    {"getset", "Set the value of a key, and print the old one", &DefineGetSet},
    {"getdel", "Remove a key, and print its value; exit code 1 if it does not exist",
     [](Subcommand* getdel) {
       DefineKeyOnly(getdel, Mode::kReadWrite,
                     "Prints the exact bytes of the value, as `cubby get` does. Of several at once "
                     "one gets it.\n"
                     "Example:\n  cubby getdel -s sessions job:1",
                     &GetDel);
     }},
    {"touch", "Set the lifetime of a key; exit code 1 if it does not exist", &DefineTouch},
    {"ttl", "Print the seconds that a key has to live, or never",
     [](Subcommand* ttl) {
       DefineKeyOnly(ttl, Mode::kReadOnly,
                     "Prints seconds with six digits of fraction, or \"never\" if the entry does "
                     "not expire.\n"
                     "Example:\n  cubby ttl -s sessions user:7",
                     &Ttl);
     }},
    {"persist", "Let a key live without end; exit code 1 if it does not exist",
     [](Subcommand* persist) {
       DefineKeyOnly(persist, Mode::kReadWrite,
                     "As `cubby touch` without --ttl.\n"
                     "Example:\n  cubby persist -s sessions user:7",
                     &Persist);
     }},
};

}  // namespace

absl::Span<const Command> UpdateCommands() { return kCommands; }

}  // namespace cubby::cli
