#include "cli/dump.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "cli/printer.h"
#include "cli/text.h"

namespace cubby::cli {
namespace {

constexpr absl::string_view kBegin = "cubby-dump ";
constexpr absl::string_view kVersion = "1";
constexpr absl::string_view kEnd = "cubby-dump-end ";
constexpr absl::string_view kRevision = "\trevision=";
constexpr absl::string_view kChecksum = "\txxh32=";

std::string Checksum(absl::string_view bytes) {
  return absl::StrCat(absl::Hex(XXH32(bytes.data(), bytes.size(), 0), absl::kZeroPad8));
}

absl::Status Damaged(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the line of the dump is damaged: ", what));
}

// Removes the line's last field, which begins with `name`, and returns what follows that.
absl::optional<absl::string_view> TakeLastField(absl::string_view name, absl::string_view* line) {
  const size_t tab = line->rfind('\t');
  if (tab == absl::string_view::npos) return absl::nullopt;
  absl::string_view field = line->substr(tab);
  if (!absl::ConsumePrefix(&field, name)) return absl::nullopt;
  *line = line->substr(0, tab);
  return field;
}

}  // namespace

std::string DumpHeader() { return absl::StrCat(kBegin, kVersion, "\n"); }

void AppendDumpLine(absl::string_view key, absl::string_view value, const Entry& entry,
                    std::string* out) {
  const size_t begin = out->size();
  AppendEntryLine(key, value, entry, out);
  absl::StrAppend(out, kRevision, entry.revision);
  const std::string checksum = Checksum(absl::string_view(*out).substr(begin));
  absl::StrAppend(out, kChecksum, checksum, "\n");
}

std::string DumpEnd(uint64_t entries) { return absl::StrCat(kEnd, entries, "\n"); }

bool DumpReader::IsDump(absl::string_view line) {
  return absl::StartsWith(line, kBegin) && !absl::StrContains(line, '\t');
}

bool DumpReader::IsEntryOfDump(absl::string_view line) {
  const auto checksum = TakeLastField(kChecksum, &line);
  return checksum.has_value() && *checksum == Checksum(line);
}

absl::StatusOr<absl::optional<absl::string_view>> DumpReader::Take(absl::string_view line) {
  if (IsDump(line)) {
    RETURN_IF_ERROR(Begin(line.substr(kBegin.size())));
    return absl::nullopt;
  }
  if (absl::StartsWith(line, kEnd) && !absl::StrContains(line, '\t')) {
    RETURN_IF_ERROR(End(line.substr(kEnd.size())));
    return absl::nullopt;
  }
  if (!inside_) return absl::InvalidArgumentError("a line behind the end of the dump");
  ++entries_;
  const auto checksum = TakeLastField(kChecksum, &line);
  if (!checksum.has_value()) return Damaged("it has no checksum");
  if (*checksum != Checksum(line)) {
    return Damaged("its checksum is not that of its bytes");
  }
  uint64_t revision;
  const auto revision_text = TakeLastField(kRevision, &line);
  if (!revision_text.has_value() || !absl::SimpleAtoi(*revision_text, &revision)) {
    return Damaged("it has no revision");
  }
  return line;
}

absl::Status DumpReader::Finish() const {
  if (!inside_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the dump is incomplete: its last line, ", kEnd,
                                                 "with the number of entries, is missing"));
}

absl::Status DumpReader::Begin(absl::string_view version) {
  RETURN_IF_ERROR(Finish());
  if (version != kVersion) {
    return absl::UnimplementedError(absl::StrCat("a dump of version ", Quoted(version),
                                                 ": this cubby reads version ", kVersion));
  }
  inside_ = true;
  entries_ = 0;
  return absl::OkStatus();
}

absl::Status DumpReader::End(absl::string_view entries) {
  uint64_t number;
  if (!inside_ || !absl::SimpleAtoi(entries, &number)) return Damaged("a dump does not end here");
  inside_ = false;
  if (number == entries_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      number > entries_ ? "the dump is incomplete: " : "the dump has lines too many: ", "it has ",
      entries_, base::OneOrMany(entries_, " line", " lines"), ", its last line states ", number));
}

}  // namespace cubby::cli
