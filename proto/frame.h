// How a protobuf message travels on the control channel: in one or more frames.
//
//   frame:    0       4               8      10      12         16
//             | magic | payload bytes | part | parts | checksum | payload |
//             magic     "cbC\xf1"
//             part      of the message: 0 .. parts - 1
//             checksum  XXH32 of the payload, seeded with XXH32 of the 12 bytes before it
//
// All little-endian. A frame is at most kMaxFrameBytes long, so that a request, which is one frame,
// fits into one write to a pipe that many clients share (os::kMaxRequestBytes).
#ifndef CUBBY_PROTO_FRAME_H_
#define CUBBY_PROTO_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::proto {

inline constexpr uint32_t kFrameMagic = 0xf143'6263;
inline constexpr size_t kFrameHeaderBytes = 16;
inline constexpr size_t kMaxFrameBytes = 4076;
inline constexpr size_t kMaxPayloadBytes = kMaxFrameBytes - kFrameHeaderBytes;
// More than any answer takes; what bounds the memory that a bad peer can make us use.
inline constexpr size_t kMaxMessageBytes = 1 << 20;

// The frames of a message, one after the other.
// OutOfRange, naming the limit, if it is longer than kMaxMessageBytes.
absl::StatusOr<std::string> EncodeFrames(absl::string_view message);

// Takes bytes in pieces of any size and gives back the messages in them. What is not a frame is
// skipped, up to the next frame; what is not a message's next frame loses that message and no
// other. Never fails; holds, once Next() has found nothing more, at most a message and a frame. Not
// safe from more than one thread.
class FrameDecoder {
 public:
  void Append(absl::string_view bytes) { buffer_.append(bytes.data(), bytes.size()); }

  // The next whole message, or none until more bytes come.
  absl::optional<std::string> Next();

  // Nothing will be appended to what is there so far: a frame or message begun is garbage, and what
  // comes after its beginning is looked through again. Next() then gives the messages that were
  // found there.
  void EndOfInput() { ended_ = true; }

  // How many things were skipped: stretches of garbage, messages broken off, frames of no message.
  // The same however the bytes were cut into pieces.
  uint64_t rejected() const { return rejected_; }

 private:
  struct Frame {
    uint32_t part;
    uint32_t parts;
    absl::string_view payload;  // in buffer_
  };
  absl::optional<Frame> NextFrame();
  void Skip(size_t bytes);

  std::string buffer_;
  size_t start_ = 0;  // of what is not consumed yet
  bool ended_ = false;
  bool in_garbage_ = false;  // the byte before start_ was skipped
  uint64_t rejected_ = 0;

  std::string message_;  // the parts so far
  uint32_t next_part_ = 0;
  uint32_t parts_ = 0;
};

}  // namespace cubby::proto

#endif  // CUBBY_PROTO_FRAME_H_
