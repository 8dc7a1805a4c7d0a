// get put add replace del exists: operations on one key.
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "base/status_macros.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"
#include "program/standard_streams.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

// The KEY argument.
struct KeyOptions {
  std::string word;
  bool escaped = false;
};

void AddKey(Subcommand* subcommand, KeyOptions* key) {
  subcommand->AddWord("KEY", &key->word, "The key; put -- before a key that begins with a dash");
  subcommand->AddFlag("--escaped", &key->escaped,
                      "Decode the escapes of `cubby scan` in KEY, such as \\n and \\x00");
}

absl::StatusOr<std::string> KeyOf(const KeyOptions& key) { return BytesOf(key.word, key.escaped); }

ExitCode Get(const Store& store, const KeyOptions& key_options, bool json) {
  ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(key_options), Fail(status, Subject::kEntry));
  std::string value;
  ASSIGN_OR_RETURN_AS(const Entry entry, store.Get(key, &value),
                      Fail(EntryError(status, key), Subject::kEntry));
  Output out;
  if (json) {
    out.Write(EntryRecord(key, value, entry).ToJson());
    out.Write("\n");
  } else {
    out.Write(value);
    if (program::OutputIsTerminal()) out.Write("\n");
  }
  return out.Finish();
}

void DefineGet(Subcommand* get) {
  struct Options {
    KeyOptions key;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  get->Notes(
      "Prints the exact bytes of the value; appends a line end only on a terminal.\n"
      "Examples:\n"
      "  cubby get -s sessions user:7\n"
      "  cubby get -s sessions user:7 --json\n"
      "  cubby get -s sessions --escaped 'two\\nlines'");
  AddKey(get, &options->key);
  get->AddJson(&options->json, kEntryJsonHelp);
  get->DoWithStore(Mode::kReadOnly, [options](const Store& store) {
    return Get(store, options->key, options->json);
  });
}

struct WriteOptions {
  KeyOptions key;
  std::string value;
  PutOptions put;
  bool literal = false;
};

// The only difference between put, add and replace.
using WriteFunction = absl::StatusOr<uint64_t> (Store::*)(absl::string_view, absl::string_view,
                                                          const PutOptions&);

// Returns the bytes that VALUE denotes: itself, or the contents of a file or of standard input.
absl::StatusOr<std::string> ReadValue(const WriteOptions& options, uint64_t max_bytes) {
  if (options.literal) return options.value;
  if (options.value == "-") return ReadAll(stdin, "standard input", max_bytes);
  if (options.value.empty() || options.value.front() != '@') return options.value;
  const std::string path = options.value.substr(1);
  std::FILE* const file = program::OpenFile(path);
  if (file == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot open ", Quoted(path), ": ",
                     std::error_code(errno, std::generic_category()).message(),
                     "; give --literal for a value that begins with @"));
  }
  const absl::Cleanup close_file = [file] { std::fclose(file); };
  return ReadAll(file, Quoted(path), max_bytes);
}

ExitCode Write(Store& store, const WriteOptions& options, WriteFunction write) {
  ASSIGN_OR_RETURN_AS(const std::string key, KeyOf(options.key), Fail(status, Subject::kEntry));
  ASSIGN_OR_RETURN_AS(const std::string value, ReadValue(options, store.limits().max_value_bytes),
                      Fail(status, Subject::kEntry));
  const absl::Status status = (store.*write)(key, value, options.put).status();
  if (!status.ok()) return Fail(EntryError(status, key), Subject::kEntry);
  return ExitCode::kOk;
}

void DefineWrite(Subcommand* subcommand, const char* name, WriteFunction write) {
  const auto options = std::make_shared<WriteOptions>();
  subcommand->Notes(absl::Substitute(
      "Without --ttl the entry never expires, whatever lifetime the key had before."
      "\n\n"
      "Examples:\n"
      "  cubby $0 -s sessions user:7 ada\n"
      "  cubby $0 -s sessions user:7 ada --ttl 30m\n"
      "  cubby $0 -s sessions photo @photo.jpg\n"
      "  date | cubby $0 -s sessions now -\n"
      "  cubby $0 -s sessions handle @ada --literal",
      name));
  AddKey(subcommand, &options->key);
  subcommand->AddWord("VALUE", &options->value,
                      "The value; - reads standard input, @FILE reads a file");
  subcommand->AddFlag("--literal", &options->literal, "Take VALUE literally, even - or @FILE");
  subcommand->AddDuration("--ttl", &options->put.ttl, kTtlHelp);
  subcommand->DoWithStore(Mode::kReadWrite,
                          [options, write](Store& store) { return Write(store, *options, write); });
}

ExitCode Delete(Store& store, const std::string& key) {
  const absl::Status status = store.Delete(key);
  if (!status.ok()) return Fail(EntryError(status, key), Subject::kEntry);
  return ExitCode::kOk;
}

ExitCode Exists(Store& store, const std::string& key) {
  ASSIGN_OR_RETURN_AS(const bool found, store.Contains(key), Fail(status, Subject::kEntry));
  return found ? ExitCode::kOk : ExitCode::kNotFound;
}

void DefineKeyOnly(Subcommand* subcommand, Mode mode, const std::string& notes,
                   ExitCode (*run)(Store&, const std::string& key)) {
  const auto key = std::make_shared<KeyOptions>();
  subcommand->Notes(notes);
  AddKey(subcommand, key.get());
  subcommand->DoWithStore(mode, [key, run](Store& store) {
    ASSIGN_OR_RETURN_AS(const std::string bytes, KeyOf(*key), Fail(status, Subject::kEntry));
    return run(store, bytes);
  });
}

constexpr Command kCommands[] = {
    {"get", "Print the value of a key", &DefineGet},
    {"put", "Set the value of a key",
     [](Subcommand* put) { DefineWrite(put, "put", &Store::Put); }},
    {"add", "Set the value of a new key; exit code 1 if the key exists",
     [](Subcommand* add) { DefineWrite(add, "add", &Store::Add); }},
    {"replace", "Set the value of an existing key; exit code 1 if there is none",
     [](Subcommand* replace) { DefineWrite(replace, "replace", &Store::Replace); }},
    {"del", "Remove a key; exit code 1 if it does not exist",
     [](Subcommand* del) {
       DefineKeyOnly(del, Mode::kReadWrite, "Example:\n  cubby del -s sessions user:7", &Delete);
     }},
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
