// Cuts an input into lines.
#ifndef CUBBY_CLI_LINE_READER_H_
#define CUBBY_CLI_LINE_READER_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "cli/byte_source.h"

namespace cubby::cli {

// Each line is returned as soon as it has arrived, without waiting for later ones. Keeps no more of
// a line in memory than `max_line_bytes` and a piece of the source.
class LineReader {
 public:
  // A line ends with `end`.
  LineReader(ByteSource source, size_t max_line_bytes, char end = '\n')
      : source_(std::move(source)), max_line_bytes_(max_line_bytes), end_(end) {}

  // Returns the next line without its end, valid until the next call; nullopt at the end of the
  // input. OutOfRange for a line that is too long: the next call returns the line after it. The
  // source's error, without the part of a line before it, if that fails. `ended` tells whether the
  // line has its end. A line somewhat longer than the limit may be returned.
  absl::StatusOr<absl::optional<absl::string_view>> Next(bool* ended);

  // Returns true if the next line has arrived whole.
  bool HasNext() const { return buffer_.find(end_, position_) != std::string::npos; }

 private:
  const ByteSource source_;
  const size_t max_line_bytes_;
  const char end_;
  std::string buffer_;
  size_t position_ = 0;  // the start of the next line in buffer_

  absl::Status TooLong() const;
};

}  // namespace cubby::cli

#endif  // CUBBY_CLI_LINE_READER_H_
