// Standard output of the command: plain bytes, and records.
#ifndef CUBBY_CLI_OUTPUT_H_
#define CUBBY_CLI_OUTPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "program/exit_code.h"
#include "program/output.h"

namespace cubby::cli {

// The command's standard output.
class Output : public program::Output {
 public:
  Output() : program::Output("cubby") {}
};

// Returns a number of seconds with six digits of fraction, or "never" if infinite.
std::string SecondsText(absl::Duration value);

// An ordered list of named values, printed as lines or as a JSON object.
class Record {
 public:
  Record& AddNumber(absl::string_view name, uint64_t value);
  // Adds any bytes. In JSON, bytes that are not UTF-8 become a member NAME_base64 instead of NAME.
  Record& AddText(absl::string_view name, absl::string_view bytes);
  // Adds a number of seconds with a fraction; null ("never" in a line) if infinite.
  Record& AddSeconds(absl::string_view name, absl::Duration value);
  // Adds null ("none" in a line).
  Record& AddNull(absl::string_view name);
  // Adds part / whole with six digits of fraction, in a line with four; null ("none" in a line) if
  // `whole` is 0.
  Record& AddRatio(absl::string_view name, uint64_t part, uint64_t whole);
  // Adds an object; as a line, "name: member value, member value".
  Record& AddRecord(absl::string_view name, const Record& members);
  // Adds an array of strings; as lines, one element per line without the name. Bytes that are not
  // UTF-8 are escaped (text.h).
  Record& AddList(absl::string_view name, const std::vector<std::string>& elements);

  // Returns {"name": value, ...}, without a line end.
  std::string ToJson() const;
  // Returns one line "name: value" for each value, with line ends.
  std::string ToLines() const;

 private:
  std::string json_;
  std::string lines_;

  void Add(absl::string_view name, absl::string_view json, absl::string_view text);
  void AddMember(absl::string_view name, absl::string_view json);
};

// Writes the record to standard output, as JSON or as lines.
program::ExitCode Print(const Record& record, bool json);

// Returns a JSON array of these values, one on a line, with a line end.
std::string JsonLines(const std::vector<std::string>& values);

// Returns the JSON members of an entry: key, value, revision, ttl_seconds.
Record EntryRecord(absl::string_view key, absl::string_view value, const Entry& entry);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_OUTPUT_H_
