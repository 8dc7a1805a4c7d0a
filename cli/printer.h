// Entries on standard output, in the formats that the subcommands share which print many.
#ifndef CUBBY_CLI_PRINTER_H_
#define CUBBY_CLI_PRINTER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/output.h"
#include "client/store.h"
#include "program/exit_code.h"

namespace cubby::cli {

enum class EntryFormat {
  kLines,  // key, tab, value, and if the entry expires, tab, expiry; all as fields (text.h)
  kNull,   // the bytes of key and value, each followed by NUL
  kJson,   // an array of objects
};

// Appends the line of an entry, without a line end, in the format kLines.
void AppendEntryLine(absl::string_view key, absl::string_view value, const Entry& entry,
                     std::string* out);

class EntryPrinter {
 public:
  // If `keys_only`, prints keys alone, in each format.
  explicit EntryPrinter(EntryFormat format, bool keys_only = false)
      : format_(format), keys_only_(keys_only) {}

  // In the format kNull, leaves out an entry that has a NUL.
  void Print(absl::string_view key, absl::string_view value, const Entry& entry);
  // Prints, in the format kJson, an object with null for the value of a key without an entry.
  void PrintMissing(absl::string_view key);

  // Returns true once a write has failed: nothing more is written.
  bool failed() const { return out_.failed(); }
  // Writes what is buffered.
  void Flush() { out_.Finish(); }

  // Ends the output. Prints an error: that of `status`, with which the entries ended, that of the
  // output, or that entries were left out; and returns the exit code.
  program::ExitCode Finish(const absl::Status& status);

 private:
  const EntryFormat format_;
  const bool keys_only_;
  Output out_;
  std::string line_;
  bool first_ = true;
  uint64_t left_out_ = 0;
  std::string first_left_out_;  // its key

  void PrintObject(const Record& record);
  void PrintNull(absl::string_view key, absl::string_view value);
};

}  // namespace cubby::cli

#endif  // CUBBY_CLI_PRINTER_H_
