#include "cli/line_reader.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace cubby::cli {

absl::StatusOr<absl::optional<absl::string_view>> LineReader::Next(bool* ended) {
  size_t searched = position_;
  bool too_long = false;
  while (true) {
    const size_t end = buffer_.find(end_, searched);
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
    ASSIGN_OR_RETURN(const bool more, source_(&buffer_));
    if (!more) break;
  }
  if (too_long) return TooLong();
  if (buffer_.empty()) return absl::nullopt;
  position_ = buffer_.size();
  return absl::string_view(buffer_);
}

absl::Status LineReader::TooLong() const {
  return absl::OutOfRangeError(
      absl::StrCat("longer than ", max_line_bytes_, " bytes: no entry of this store is so long"));
}

}  // namespace cubby::cli
