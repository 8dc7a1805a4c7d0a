// The format of `cubby dump`, for files of entries that are read back whole:
//
//   cubby-dump 1
//   user:7 <tab> ada <tab> expires=1764338310.250000000 <tab> revision=12 <tab> xxh32=1f0a93c2
//   user:8 <tab> lin <tab> revision=3 <tab> xxh32=90c4e12b
//   cubby-dump-end 2
//
// The first line names the format and its version. It has no tab, so no entry's line looks like it.
// Each entry's line is that of `cubby scan`, with the entry's revision, and the XXH32 (seed 0) of
// the line's bytes before the last tab. The last line has the number of entries. So a changed byte,
// a lost line, and a file that ends early are found.
//
// The expiry is a time of day and not what remained: entries of a dump that is loaded later expire
// when they would have.
#ifndef CUBBY_CLI_DUMP_H_
#define CUBBY_CLI_DUMP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "client/store.h"

namespace cubby::cli {

// The lines, with line ends.
std::string DumpHeader();
void AppendDumpLine(absl::string_view key, absl::string_view value, const Entry& entry,
                    std::string* out);
std::string DumpEnd(uint64_t entries);

// How long a line's revision and checksum are at most, with their tabs.
inline constexpr uint64_t kMostDumpBytesPerLine = 64;

// Reads the lines of a dump, which come without line ends.
class DumpReader {
 public:
  // Returns true if `line`, the first of a file, begins a dump.
  static bool IsDump(absl::string_view line);

  // Returns true if `line` is that of an entry in a dump: its checksum tells.
  static bool IsEntryOfDump(absl::string_view line);

  // Takes the next line, first the one for which IsDump() is true. Returns the line of `scan` that
  // is in it, or nullopt if it has no entry: the first and the last line of a dump. After the last
  // one another dump may follow. InvalidArgument for a line that is damaged; Unimplemented for a
  // dump of another version.
  absl::StatusOr<absl::optional<absl::string_view>> Take(absl::string_view line);

  // Call at the end of the file. Returns InvalidArgument if it lacks lines of the dump.
  absl::Status Finish() const;

 private:
  bool inside_ = false;  // between the first and the last line
  uint64_t entries_ = 0;

  absl::Status Begin(absl::string_view version);
  absl::Status End(absl::string_view entries);
};

}  // namespace cubby::cli

#endif  // CUBBY_CLI_DUMP_H_
