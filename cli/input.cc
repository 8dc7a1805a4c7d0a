#include "cli/input.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "base/status_macros.h"
#include "cli/text.h"
#include "program/standard_streams.h"

namespace cubby::cli {
namespace {

constexpr size_t kChunkBytes = 64 << 10;

// Appends the bytes of `file` that are available, at most kChunkBytes, to *bytes. Returns false at
// the end of the file.
absl::StatusOr<bool> ReadMore(std::FILE* file, absl::string_view name, std::string* bytes) {
  const size_t before = bytes->size();
  bytes->resize(before + kChunkBytes);
  const int64_t got = program::ReadSome(file, &(*bytes)[before], kChunkBytes);
  const int error = errno;
  bytes->resize(before + static_cast<size_t>(std::max<int64_t>(got, 0)));
  if (got < 0) {
    return absl::InternalError(absl::StrCat(
        "cannot read ", name, ": ", std::error_code(error, std::generic_category()).message()));
  }
  return got > 0;
}

class LineReader {
 public:
  LineReader(std::FILE* file, absl::string_view name, size_t max_line_bytes)
      : file_(file), name_(name), max_line_bytes_(max_line_bytes) {}

  // Returns the next line without its line end, valid until the next call; nullopt at the end of
  // the input.
  absl::StatusOr<absl::optional<absl::string_view>> Next() {
    size_t searched = position_;
    while (true) {
      const size_t end = buffer_.find('\n', searched);
      if (end != std::string::npos) {
        const absl::string_view line(&buffer_[position_], end - position_);
        position_ = end + 1;
        return absl::StripSuffix(line, "\r");
      }
      buffer_.erase(0, position_);
      position_ = 0;
      searched = buffer_.size();
      if (searched > max_line_bytes_) {
        return absl::OutOfRangeError(absl::StrCat("longer than ", max_line_bytes_,
                                                  " bytes: no entry of this store is so long"));
      }
      ASSIGN_OR_RETURN(const bool more, ReadMore(file_, name_, &buffer_));
      if (!more) break;
    }
    if (buffer_.empty()) return absl::nullopt;
    position_ = buffer_.size();
    return absl::string_view(buffer_);
  }

 private:
  std::FILE* const file_;
  const absl::string_view name_;
  const size_t max_line_bytes_;
  std::string buffer_;
  size_t position_ = 0;  // the start of the next line in buffer_
};

// Calls `visit` with the entry in `line` and returns its result.
absl::Status VisitLine(
    absl::string_view line, bool escaped,
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit) {
  const size_t tab = line.find('\t');
  if (tab == absl::string_view::npos) {
    return absl::InvalidArgumentError("no tab between key and value");
  }
  if (!escaped) return visit(line.substr(0, tab), line.substr(tab + 1));
  ASSIGN_OR_RETURN(const std::string key, BytesFromField(line.substr(0, tab)));
  ASSIGN_OR_RETURN(const std::string value, BytesFromField(line.substr(tab + 1)));
  return visit(key, value);
}

absl::Status AtLine(uint64_t number, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("line ", number, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes) {
  std::string bytes;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ReadMore(file, name, &bytes));
    if (bytes.size() > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat(name, " holds more than ", max_bytes,
                                                " bytes, this store's limit for a value"));
    }
    if (!more) return bytes;
  }
}

absl::Status ForEachInputEntry(
    const Limits& limits, bool escaped,
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit) {
  // An escaped byte takes four; 3 more are for the tab and the line end.
  const uint64_t max_line_bytes = 4 * (limits.max_key_bytes + limits.max_value_bytes) + 3;
  LineReader lines(stdin, "standard input", max_line_bytes);
  for (uint64_t number = 1;; ++number) {
    ASSIGN_OR_RETURN_AS(const absl::optional<absl::string_view> line, lines.Next(),
                        AtLine(number, status));
    if (!line.has_value()) return absl::OkStatus();
    const absl::Status visited = VisitLine(*line, escaped, visit);
    if (!visited.ok()) return AtLine(number, visited);
  }
}

}  // namespace cubby::cli
