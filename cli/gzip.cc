#include "cli/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace cubby::cli {
namespace {

constexpr absl::string_view kMagic = "\x1f\x8b";
// zlib's largest window, and 16 for gzip's header and trailer.
constexpr int kWindowBits = 15 + 16;

class Decompressor {
 public:
  Decompressor(ByteSource source, std::string name)
      : source_(std::move(source)), name_(std::move(name)) {}
  ~Decompressor() {
    if (format_ == Format::kGzip) inflateEnd(&stream_);
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // A ByteSource.
  absl::StatusOr<bool> Next(std::string* bytes) {
    if (format_ == Format::kUnknown) RETURN_IF_ERROR(Recognize());
    if (format_ == Format::kGzip) return Inflate(bytes);
    if (input_.empty()) return source_(bytes);
    bytes->append(std::exchange(input_, ""));
    return true;
  }

 private:
  enum class Format { kUnknown, kPlain, kGzip };

  absl::Status Recognize() {
    while (input_.size() < kMagic.size()) {  // a pipe may yield one byte at a time
      ASSIGN_OR_RETURN(const bool more, source_(&input_));
      if (!more) break;
    }
    if (!absl::StartsWith(input_, kMagic)) {
      format_ = Format::kPlain;
      return absl::OkStatus();
    }
    if (inflateInit2(&stream_, kWindowBits) != Z_OK) {
      return absl::InternalError(absl::StrCat("cannot decompress ", name_, ": out of memory"));
    }
    piece_.resize(kPieceBytes);
    format_ = Format::kGzip;
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Inflate(std::string* bytes) {
    while (damage_.ok()) {
      // A full piece may not have been all that the input so far yields.
      if (used_ == input_.size() && (between_members_ || stream_.avail_out > 0)) {
        ASSIGN_OR_RETURN(const bool more, Refill());
        if (!more) {
          if (between_members_) return false;
          return absl::DataLossError(
              absl::StrCat(name_, " is truncated: its compressed data ends at byte ", position()));
        }
      }
      if (between_members_) {
        used_ = std::min(input_.find_first_not_of('\0', used_), input_.size());
        if (used_ == input_.size()) continue;
        inflateReset(&stream_);
        between_members_ = false;
      }
      if (InflateSome(bytes) > 0) return true;
    }
    return damage_;
  }

  // Decompresses from input_ to *bytes, at most a piece; returns how many bytes that is. Sets
  // damage_ if it meets some.
  size_t InflateSome(std::string* bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(&input_[used_]);
    stream_.avail_in = static_cast<uInt>(input_.size() - used_);
    stream_.next_out = piece_.data();
    stream_.avail_out = kPieceBytes;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const size_t produced = kPieceBytes - stream_.avail_out;
    bytes->append(piece_.begin(), piece_.begin() + produced);
    used_ = input_.size() - stream_.avail_in;
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {  // the latter: no progress, no error
      damage_ =
          absl::DataLossError(absl::StrCat(name_, " is damaged at byte ", position(), ": ",
                                           stream_.msg == nullptr ? zError(result) : stream_.msg));
    }
    return produced;
  }

  // Replaces input_, of which all is used, by what comes next. Returns false at the end.
  absl::StatusOr<bool> Refill() {
    before_ += input_.size();
    input_.clear();
    used_ = 0;
    return source_(&input_);
  }

  // How many bytes of the input are used.
  uint64_t position() const { return before_ + used_; }

  const ByteSource source_;
  const std::string name_;
  Format format_ = Format::kUnknown;
  std::string input_;    // what was read last
  size_t used_ = 0;      // how much of that is decompressed
  uint64_t before_ = 0;  // bytes of the input before input_
  bool between_members_ = false;
  absl::Status damage_;
  z_stream stream_ = {};
  std::vector<Bytef> piece_;  // decompressed
};

}  // namespace

ByteSource Decompressed(ByteSource source, std::string name) {
  const auto decompressor = std::make_shared<Decompressor>(std::move(source), std::move(name));
  return [decompressor](std::string* bytes) { return decompressor->Next(bytes); };
}

}  // namespace cubby::cli
