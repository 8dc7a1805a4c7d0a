// Frames: the encoding of a protobuf message on the control channel.
//
//   frame:    0       4               8      10      12         16
//             | magic | payload bytes | part | parts | checksum | payload |
//             magic     "cbC\xf1"
//             part      number of the frame in its message: 0 .. parts - 1
//             checksum  XXH32 of the payload, seeded with XXH32 of the 12 bytes before it
//
// All integers are little-endian. A frame has at most kMaxFrameBytes, so that a request, which is
// one frame, fits into one write to a pipe that many clients share (os::kMaxRequestBytes).
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
// More than any answer needs; bounds the memory that a hostile peer can cause to be allocated.
inline constexpr size_t kMaxMessageBytes = 1 << 20;

// Returns the concatenated frames of `message`. OutOfRange if it exceeds kMaxMessageBytes.
absl::StatusOr<std::string> EncodeFrames(absl::string_view message);

// Decodes messages from bytes that arrive in pieces of any size. Bytes that are not a frame are
// skipped up to the next frame; a frame out of order discards its message and no other. Never
// fails. After Next() has returned nullopt, it holds at most one message and one frame. Not
// thread-safe.
class FrameDecoder {
 public:
  void Append(absl::string_view bytes) { buffer_.append(bytes.data(), bytes.size()); }

  // Returns the next whole message, or nullopt until more bytes are appended.
  absl::optional<std::string> Next();

  // Ends the input: an incomplete frame or message is garbage, and the bytes after its first one
  // are searched again. Next() then returns the messages found there.
  void EndOfInput() { ended_ = true; }

  // Returns the number of rejected items: runs of garbage, incomplete messages, frames of no
  // message. Independent of how the bytes were cut into pieces.
  uint64_t rejected() const { return rejected_; }

 private:
  struct Frame {
    uint64_t part;
    uint64_t parts;
    absl::string_view payload;  // in buffer_
  };
  absl::optional<Frame> NextFrame();
  void Skip(size_t bytes);

  std::string buffer_;
  size_t start_ = 0;  // of the unconsumed bytes in buffer_
  bool ended_ = false;
  bool in_garbage_ = false;  // the byte before start_ was skipped
  uint64_t rejected_ = 0;

  std::string message_;  // the parts received so far
  uint64_t next_part_ = 0;
  uint64_t parts_ = 0;
};

}  // namespace cubby::proto

#endif  // CUBBY_PROTO_FRAME_H_
