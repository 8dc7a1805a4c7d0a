#include "proto/frame.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/framing.h"

namespace cubby::proto {
namespace {

using base::AppendLittleEndian;
using base::LittleEndian;

constexpr size_t kMaxParts = (kMaxMessageBytes + kMaxPayloadBytes - 1) / kMaxPayloadBytes;
static_assert(kMaxParts <= 0xffff, "the header has 16 bits for the number of parts");

constexpr size_t kLengthOffset = 4;
constexpr size_t kPartOffset = 8;
constexpr size_t kPartsOffset = 10;
constexpr size_t kChecksumOffset = 12;
static_assert(kChecksumOffset + 4 == kFrameHeaderBytes);

const std::string& MagicBytes() {
  static const std::string* const bytes = [] {
    auto* made = new std::string;
    AppendLittleEndian(kFrameMagic, 4, made);
    return made;
  }();
  return *bytes;
}

uint32_t Checksum(absl::string_view header, absl::string_view payload) {
  return base::FrameChecksum(header.substr(0, kChecksumOffset), payload);
}

// Returns the length of the longest proper prefix of the magic that ends `bytes`.
size_t MagicBegunAtEnd(absl::string_view bytes) {
  const absl::string_view magic = MagicBytes();
  for (size_t length = std::min(magic.size() - 1, bytes.size()); length > 0; --length) {
    if (bytes.substr(bytes.size() - length) == magic.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::string> EncodeFrames(absl::string_view message) {
  if (message.size() > kMaxMessageBytes) {
    return absl::OutOfRangeError(absl::StrCat("a message of ", message.size(),
                                              " bytes is over the control channel's limit of ",
                                              kMaxMessageBytes));
  }
  const size_t parts =
      std::max<size_t>(1, (message.size() + kMaxPayloadBytes - 1) / kMaxPayloadBytes);
  std::string frames;
  frames.reserve(message.size() + parts * kFrameHeaderBytes);
  for (size_t part = 0; part < parts; ++part) {
    const absl::string_view payload = message.substr(part * kMaxPayloadBytes, kMaxPayloadBytes);
    const size_t header = frames.size();
    AppendLittleEndian(kFrameMagic, 4, &frames);
    AppendLittleEndian(payload.size(), 4, &frames);
    AppendLittleEndian(part, 2, &frames);
    AppendLittleEndian(parts, 2, &frames);
    AppendLittleEndian(Checksum(absl::string_view(frames).substr(header), payload), 4, &frames);
    frames.append(payload.data(), payload.size());
  }
  return frames;
}

void FrameDecoder::Skip(size_t bytes) {
  if (bytes == 0) return;
  start_ += bytes;
  if (!std::exchange(in_garbage_, true)) ++rejected_;
}

absl::optional<FrameDecoder::Frame> FrameDecoder::NextFrame() {
  for (;;) {
    absl::string_view left = absl::string_view(buffer_).substr(start_);
    const size_t magic = left.find(MagicBytes());
    if (magic == absl::string_view::npos) {
      Skip(left.size() - (ended_ ? 0 : MagicBegunAtEnd(left)));
      break;
    }
    Skip(magic);
    left.remove_prefix(magic);
    if (left.size() >= kFrameHeaderBytes) {
      const uint64_t payload_bytes = LittleEndian(left, kLengthOffset, 4);
      const Frame frame = {LittleEndian(left, kPartOffset, 2), LittleEndian(left, kPartsOffset, 2),
                           left.substr(kFrameHeaderBytes, payload_bytes)};
      if (payload_bytes > kMaxPayloadBytes || frame.part >= frame.parts ||
          frame.parts > kMaxParts) {
        Skip(1);
        continue;
      }
      if (frame.payload.size() == payload_bytes) {
        if (LittleEndian(left, kChecksumOffset, 4) != Checksum(left, frame.payload)) {
          Skip(1);
          continue;
        }
        start_ += kFrameHeaderBytes + payload_bytes;
        in_garbage_ = false;
        return frame;
      }
    }
    if (!ended_) break;  // the rest of the frame may follow
    Skip(1);
  }
  buffer_.erase(0, start_);
  start_ = 0;
  return absl::nullopt;
}

absl::optional<std::string> FrameDecoder::Next() {
  while (const absl::optional<Frame> frame = NextFrame()) {
    if (next_part_ != 0 && (frame->part != next_part_ || frame->parts != parts_)) {
      ++rejected_;
      next_part_ = 0;
    }
    if (frame->part != next_part_) {
      ++rejected_;
      continue;
    }
    if (next_part_ == 0) message_.clear();
    message_.append(frame->payload.data(), frame->payload.size());
    parts_ = frame->parts;
    if (++next_part_ == parts_) {
      next_part_ = 0;
      return std::move(message_);
    }
  }
  if (ended_ && next_part_ != 0) {
    ++rejected_;
    next_part_ = 0;
  }
  return absl::nullopt;
}

}  // namespace cubby::proto
