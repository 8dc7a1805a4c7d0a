#include "cli/input.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "cli/byte_source.h"
#include "cli/dump.h"
#include "cli/line_reader.h"
#include "cli/status.h"
#include "cli/text.h"
#include "program/text_encoding.h"

namespace cubby::cli {
namespace {

constexpr char kInputName[] = "standard input";

// Refuses a line that `scan` printed with an expiry, or `dump`: what follows the value would become
// a part of it.
absl::StatusOr<InputEntry> Literal(absl::string_view line, InputEntry entry) {
  entry.literal = true;
  const size_t last_tab = entry.value.rfind('\t');
  if (last_tab == absl::string_view::npos) return entry;
  if (ParseExpiry(entry.value.substr(last_tab + 1)).ok()) {
    return absl::InvalidArgumentError(
        "the line states an expiry, as `cubby scan` prints it: give --escaped");
  }
  if (DumpReader::IsEntryOfDump(line)) {
    return absl::InvalidArgumentError(
        "the line is one of `cubby dump`: give all of its output, from its first line on");
  }
  return entry;
}

// Decodes lines; owns the bytes of the entry that it returned last.
class LineDecoder {
 public:
  absl::StatusOr<InputEntry> Decode(absl::string_view line, bool escaped) {
    const size_t tab = line.find('\t');
    if (tab == absl::string_view::npos) {
      return absl::InvalidArgumentError("no tab between key and value");
    }
    InputEntry entry;
    entry.key = line.substr(0, tab);
    entry.value = line.substr(tab + 1);
    if (!escaped) return Literal(line, entry);
    const size_t third = entry.value.find('\t');
    if (third != absl::string_view::npos) {
      ASSIGN_OR_RETURN(entry.expires, ParseExpiry(entry.value.substr(third + 1)));
      entry.value = entry.value.substr(0, third);
    }
    ASSIGN_OR_RETURN(key_, BytesFromField(entry.key));
    ASSIGN_OR_RETURN(value_, BytesFromField(entry.value));
    entry.key = key_;
    entry.value = value_;
    return entry;
  }

 private:
  std::string key_;
  std::string value_;
};

absl::Status At(absl::string_view unit, uint64_t number, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(unit, " ", number, ": ", status.message()));
}

// Returns `line`, which has that number, without what is no part of its entry: a byte order mark
// before it, and, if it `ended`, a CR behind it. InvalidArgument if it shows that the input is no
// text of bytes.
absl::StatusOr<absl::string_view> Trimmed(absl::string_view line, uint64_t number, bool ended) {
  const std::string encoding = number == 1 ? program::OtherEncoding(line) : "";
  if (!encoding.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(kInputName, " is ", encoding));
  }
  if (absl::ConsumePrefix(&line, program::kUtf8Mark)) {
    PrintMessage(absl::StrCat("line ", number, ": left out a byte order mark before the key"));
  }
  return ended ? absl::StripSuffix(line, "\r") : line;
}

}  // namespace

absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes) {
  const ByteSource source = BytesOfFile(file, std::string(name));
  std::string bytes;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, source(&bytes));
    if (bytes.size() > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat(name, " holds more than ", max_bytes,
                                                " bytes, this store's limit for a value: use a "
                                                "shorter value, or make the store with a larger "
                                                "--max-value"));
    }
    if (!more) return bytes;
  }
}

absl::Status ForEachInputLine(
    const Limits& limits, bool escaped,
    absl::FunctionRef<absl::Status(uint64_t number, const absl::StatusOr<InputEntry>& entry)>
        visit) {
  // An escaped byte takes four; the rest is for tabs, the expiry and the line end.
  const uint64_t max_line_bytes =
      4 * (limits.max_key_bytes + limits.max_value_bytes) + 64 + kMostDumpBytesPerLine;
  LineReader lines(BytesOfFile(stdin, kInputName), max_line_bytes);
  LineDecoder decoder;
  absl::optional<DumpReader> dump;
  for (uint64_t number = 1;; ++number) {
    bool ended = false;
    const auto next = lines.Next(&ended);
    if (absl::IsOutOfRange(next.status())) {
      RETURN_IF_ERROR(visit(number, next.status()));
      continue;
    }
    if (!next.ok()) return AtLine(number, next.status());
    if (!next->has_value()) {
      const absl::Status whole = dump.has_value() ? dump->Finish() : absl::OkStatus();
      return whole.ok() ? whole : visit(number, whole);
    }
    ASSIGN_OR_RETURN(const absl::string_view line, Trimmed(**next, number, ended));
    if (number == 1 && DumpReader::IsDump(line)) dump.emplace();
    if (!dump.has_value()) {
      RETURN_IF_ERROR(visit(number, decoder.Decode(line, escaped)));
      continue;
    }
    const auto inner = dump->Take(line);
    if (!inner.ok()) {
      RETURN_IF_ERROR(visit(number, inner.status()));
    } else if (inner->has_value()) {
      RETURN_IF_ERROR(visit(number, decoder.Decode(**inner, /*escaped=*/true)));
    }
  }
}

absl::Status ForEachInputKeys(
    const Limits& limits, const KeyEncoding& encoding,
    absl::FunctionRef<absl::Status(absl::Span<const absl::string_view> keys)> visit) {
  // An escaped byte takes four; the rest is for the line end.
  LineReader lines(BytesOfFile(stdin, kInputName), 4 * limits.max_key_bytes + 64,
                   encoding.null ? '\0' : '\n');
  std::vector<std::string> bytes(kKeysPerVisit);
  std::vector<absl::string_view> keys;
  for (uint64_t number = 1;; ++number) {
    bool ended = false;
    absl::Status error;
    const auto next = lines.Next(&ended);
    if (next.ok() && next->has_value()) {
      absl::StatusOr<absl::string_view> line = **next;
      if (!encoding.null) line = Trimmed(**next, number, ended);
      if (!line.ok()) return line.status();
      absl::StatusOr<std::string> key = BytesOf(*line, encoding.escaped);
      error = key.status();
      if (key.ok()) {
        std::string& kept = bytes[keys.size()];
        kept = *std::move(key);
        keys.emplace_back(kept);
        if (keys.size() < kKeysPerVisit && lines.HasNext()) continue;
      }
    } else {
      error = next.status();
    }
    if (!keys.empty()) RETURN_IF_ERROR(visit(keys));
    keys.clear();
    if (!error.ok()) return At(encoding.null ? "key" : "line", number, error);
    if (!next->has_value()) return absl::OkStatus();
  }
}

absl::Status AtLine(uint64_t number, const absl::Status& status) {
  return At("line", number, status);
}

}  // namespace cubby::cli
