#include "cli/input.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "cli/text.h"
#include "program/output.h"
#include "program/standard_streams.h"
#include "program/text_encoding.h"

namespace cubby::cli {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
constexpr char kInputName[] = "standard input";
constexpr char kExpiryName[] = "expires=";

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

  // Returns the next line without its LF, valid until the next call; nullopt at the end of the
  // input. OutOfRange for a line that is too long: the next call returns the line after it.
  // Internal if reading fails. `ended` tells whether the line has an LF.
  absl::StatusOr<absl::optional<absl::string_view>> Next(bool* ended) {
    size_t searched = position_;
    bool too_long = false;
    while (true) {
      const size_t end = buffer_.find('\n', searched);
      *ended = end != std::string::npos;
      if (*ended) {
        const absl::string_view line(&buffer_[position_], end - position_);
        position_ = end + 1;
        if (too_long) return TooLong();
        return line;
      }
      buffer_.erase(0, position_);
      position_ = 0;
      if (buffer_.size() > max_line_bytes_) too_long = true;
      if (too_long) buffer_.clear();
      searched = buffer_.size();
      ASSIGN_OR_RETURN(const bool more, ReadMore(file_, name_, &buffer_));
      if (!more) break;
    }
    if (too_long) return TooLong();
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

  absl::Status TooLong() const {
    return absl::OutOfRangeError(
        absl::StrCat("longer than ", max_line_bytes_, " bytes: no entry of this store is so long"));
  }
};

absl::StatusOr<absl::Time> ParseExpiry(absl::string_view field) {
  absl::string_view seconds = field;
  absl::Duration since_1970;
  if (!absl::ConsumePrefix(&seconds, kExpiryName) ||
      seconds.find_first_not_of("0123456789.") != absl::string_view::npos ||
      !absl::ParseDuration(absl::StrCat(seconds, "s"), &since_1970)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bad third field ", QuotedField(field),
        ": it can only be expires=SECONDS, of the time since 1970; a tab in a value must "
        "be escaped"));
  }
  return absl::UnixEpoch() + since_1970;
}

// Refuses a line that `scan` printed with an expiry: it would become a part of the value.
absl::StatusOr<InputEntry> Literal(const InputEntry& entry) {
  const size_t last_tab = entry.value.rfind('\t');
  if (last_tab == absl::string_view::npos || !ParseExpiry(entry.value.substr(last_tab + 1)).ok()) {
    return entry;
  }
  return absl::InvalidArgumentError(
      "the line states an expiry, as `cubby scan` prints it: give --escaped");
}

// Decodes lines; owns the bytes of the entry that it returned last.
class LineDecoder {
 public:
  explicit LineDecoder(bool escaped) : escaped_(escaped) {}

  absl::StatusOr<InputEntry> Decode(absl::string_view line) {
    const size_t tab = line.find('\t');
    if (tab == absl::string_view::npos) {
      return absl::InvalidArgumentError("no tab between key and value");
    }
    InputEntry entry;
    entry.key = line.substr(0, tab);
    entry.value = line.substr(tab + 1);
    if (!escaped_) return Literal(entry);
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
  const bool escaped_;
  std::string key_;
  std::string value_;
};

}  // namespace

absl::StatusOr<std::string> ReadAll(std::FILE* file, absl::string_view name, uint64_t max_bytes) {
  std::string bytes;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ReadMore(file, name, &bytes));
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
  const uint64_t max_line_bytes = 4 * (limits.max_key_bytes + limits.max_value_bytes) + 64;
  LineReader lines(stdin, kInputName, max_line_bytes);
  LineDecoder decoder(escaped);
  for (uint64_t number = 1;; ++number) {
    bool ended = false;
    const auto next = lines.Next(&ended);
    if (absl::IsOutOfRange(next.status())) {
      RETURN_IF_ERROR(visit(number, next.status()));
      continue;
    }
    if (!next.ok()) return AtLine(number, next.status());
    if (!next->has_value()) return absl::OkStatus();
    absl::string_view line = **next;
    const std::string encoding = number == 1 ? program::OtherEncoding(line) : "";
    if (!encoding.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(kInputName, " is ", encoding));
    }
    if (absl::ConsumePrefix(&line, program::kUtf8Mark)) {
      program::PrintMessage(
          "cubby", absl::StrCat("line ", number, ": left out a byte order mark before the key"));
    }
    if (ended) line = absl::StripSuffix(line, "\r");
    RETURN_IF_ERROR(visit(number, decoder.Decode(line)));
  }
}

std::string FormatExpiry(absl::Time expires) {
  const int64_t seconds = absl::ToUnixSeconds(expires);
  const int64_t ns = absl::ToInt64Nanoseconds(expires - absl::FromUnixSeconds(seconds));
  return absl::StrCat(kExpiryName, seconds, ".", absl::Dec(ns, absl::kZeroPad9));
}

absl::Status AtLine(uint64_t number, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("line ", number, ": ", status.message()));
}

}  // namespace cubby::cli
