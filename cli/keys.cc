// put add replace cas exists: operations on one key. (many.h: get mget del)
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/entry.h"
#include "cli/many.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

struct WriteOptions {
  KeyOptions key;
  ValueOptions value;
  PutOptions put;
  bool if_absent = false;
  bool if_present = false;
};

ExitCode Write(Store& store, const WriteOptions& options) {
  ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(options.key), Fail(status, Subject::kEntry));
  ASSIGN_OR_RETURN_AS(const std::string value,
                      ReadValue(options.value, store.limits().max_value_bytes),
                      Fail(status, Subject::kEntry));
  const auto write = options.if_absent    ? &Store::Add
                     : options.if_present ? &Store::Replace
                                          : &Store::Put;
  const absl::Status status = (store.*write)(key, value, options.put).status();
  if (!status.ok()) return Fail(EntryError(status, key), Subject::kEntry);
  return ExitCode::kOk;
}

ExitCode CheckAndWrite(const StoreOptions& store, const WriteOptions& options) {
  if (options.if_absent + options.if_present + options.put.if_revision.has_value() > 1) {
    return Fail(ExitCode::kUsage, "give one of --if-absent, --if-present and --if-revision");
  }
  return WithStore(store, Mode::kReadWrite,
                   [&options](Store& opened) { return Write(opened, options); });
}

// Defines a subcommand that sets a value, as far as all have it in common.
std::shared_ptr<WriteOptions> DefineWrite(Subcommand* subcommand, absl::string_view usage) {
  auto options = std::make_shared<WriteOptions>();
  subcommand->Notes(absl::Substitute(
      "Without --ttl the entry never expires, whatever lifetime the key had before.\n"
      "--ttl inf says so too."
      "\n\n"
      "Examples:\n"
      "  cubby $0 -s sessions user:7 ada\n"
      "  cubby $0 -s sessions user:7 ada --ttl 30m\n"
      "  cubby $0 -s sessions photo @photo.jpg\n"
      "  date | cubby $0 -s sessions now -\n"
      "  cubby $0 -s sessions handle @ada --literal",
      usage));
  AddKey(subcommand, &options->key);
  AddValue(subcommand, &options->value);
  subcommand->AddDuration("--ttl", &options->put.ttl, kTtlHelp);
  subcommand->Do([options](const StoreOptions& store) { return CheckAndWrite(store, *options); });
  return options;
}

void DefinePut(Subcommand* put) {
  const auto options = DefineWrite(put, "put");
  put->AddFlag("--keep-ttl", &options->put.keep_ttl, kKeepTtlHelp);
  put->AddFlag("--if-absent", &options->if_absent,
               "Only if the key has no entry; else exit code 1");
  put->AddFlag("--if-present", &options->if_present,
               "Only if the key has an entry; else exit code 1");
  put->AddRevision("--if-revision", /*required=*/false, &options->put.if_revision,
                   "Only if the entry has this revision (`cubby get --revision`);\n"
                   "else exit code 1");
}

void DefineAdd(Subcommand* add) { DefineWrite(add, "add")->if_absent = true; }

void DefineReplace(Subcommand* replace) {
  const auto options = DefineWrite(replace, "replace");
  options->if_present = true;
  replace->AddFlag("--keep-ttl", &options->put.keep_ttl, kKeepTtlHelp);
}

void DefineCas(Subcommand* cas) {
  const auto options = DefineWrite(cas, "cas --revision 12");
  cas->AddFlag("--keep-ttl", &options->put.keep_ttl, kKeepTtlHelp);
  cas->AddRevision("--revision", /*required=*/true, &options->put.if_revision,
                   "The revision that the entry must have, as `cubby get --revision` or\n"
                   "--json printed it");
}

ExitCode Exists(Store& store, const std::string& key) {
  ASSIGN_OR_RETURN_AS(const bool found, store.Contains(key), Fail(status, Subject::kEntry));
  return found ? ExitCode::kOk : ExitCode::kNotFound;
}

constexpr Command kCommands[] = {
    {"get", "Print the value of a key, or the entries of many", &DefineGet},
    {"mget", "Print the entries of many keys, one per line: key, tab, value", &DefineMultiGet},
    {"put", "Set the value of a key", &DefinePut},
    {"add", "Set the value of a new key; exit code 1 if the key exists", &DefineAdd},
    {"replace", "Set the value of an existing key; exit code 1 if there is none", &DefineReplace},
    {"cas", "Set the value if the entry has a revision; exit code 1 if not", &DefineCas},
    {"del", "Remove keys; exit code 1 if one does not exist", &DefineDelete},
    {"exists", "Print nothing; exit code 0 if the key exists, 1 if not",
     [](Subcommand* exists) {
       DefineKeyOnly(exists, Mode::kReadOnly,
                     "Example:\n  if cubby exists -s sessions user:7; then echo welcome back; fi",
                     &Exists);
     }},
};

}  // namespace

absl::Span<const Command> KeyCommands() { return kCommands; }

}  // namespace cubby::cli
