#include "cli/entry.h"

#include <cstdio>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/byte_source.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/status.h"
#include "cli/text.h"
#include "program/standard_streams.h"

namespace cubby::cli {

void AddKey(Subcommand* subcommand, KeyOptions* key) {
  subcommand->AddWord("KEY", &key->word, "The key; put -- before a key that begins with a dash");
  subcommand->AddFlag("--escaped", &key->escaped,
                      "Decode the escapes of `cubby scan` in KEY, such as \\n and \\x00");
}

absl::StatusOr<std::string> KeyOf(const KeyOptions& key) { return BytesOf(key.word, key.escaped); }

void AddValue(Subcommand* subcommand, ValueOptions* value) {
  subcommand->AddWord("VALUE", &value->word,
                      "The value; - reads standard input, @FILE reads a file");
  subcommand->AddFlag("--literal", &value->literal, "Take VALUE literally, even - or @FILE");
}

absl::StatusOr<std::string> ReadValue(const ValueOptions& value, uint64_t max_bytes) {
  if (value.literal) return value.word;
  if (value.word == "-") return ReadAll(stdin, "standard input", max_bytes);
  if (value.word.empty() || value.word.front() != '@') return value.word;
  const std::string path = value.word.substr(1);
  ASSIGN_OR_RETURN_AS(std::FILE* const file, OpenInput(path),
                      absl::InternalError(absl::StrCat(
                          status.message(), "; give --literal for a value that begins with @")));
  const absl::Cleanup close_file = [file] { std::fclose(file); };
  return ReadAll(file, Quoted(path), max_bytes);
}

void DefineKeyOnly(Subcommand* subcommand, Mode mode, const std::string& notes,
                   program::ExitCode (*run)(Store&, const std::string& key)) {
  const auto key = std::make_shared<KeyOptions>();
  subcommand->Notes(notes);
  AddKey(subcommand, key.get());
  subcommand->DoWithStore(mode, [key, run](Store& store) {
    ASSIGN_OR_RETURN_AS(const std::string bytes, KeyOf(*key), Fail(status, Subject::kEntry));
    return run(store, bytes);
  });
}

program::ExitCode PrintValue(absl::string_view prefix, absl::string_view value) {
  Output out;
  out.Write(prefix);
  out.Write(value);
  if (program::OutputIsTerminal()) out.Write("\n");
  return out.Finish();
}

}  // namespace cubby::cli
