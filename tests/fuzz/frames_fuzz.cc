// Whether the decoder finds the same messages and the same garbage however a stream is cut, and
// gives back whatever was encoded.
//
//   input:   steps that make the stream, cuts among them
//   step:    what it is, modulo 8 : 1 | operands ...
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "proto/frame.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cubby::fuzz {
namespace {

constexpr size_t kChecksumOffset = proto::kFrameHeaderBytes - 4;
// More would only be more of the same.
constexpr size_t kMaxStreamBytes = 64 << 10;

struct Stream {
  std::string bytes;
  std::vector<size_t> cuts;           // where it is cut, ascending
  std::vector<std::string> messages;  // those in it, as long as it is nothing but whole messages
  bool clean = true;
};

std::string MessageFrom(Input* input) {
  const uint16_t length = input->Number16();
  std::string message(input->Take(length % 64));
  // A few take several frames.
  if (length >= 0xc000) message.append(length % 16000, static_cast<char>(length));
  return message;
}

// A frame whose checksum is right and whose header says what the input says.
std::string ForgedFrame(Input* input) {
  std::string frame = proto::EncodeFrames(input->Take(input->Byte() % 32)).value();
  for (size_t at = 4; at < kChecksumOffset; ++at) {
    const uint8_t change = input->Byte();
    if (at >= 8 || change < 8) frame[at] = static_cast<char>(frame[at] ^ change);
  }
  const absl::string_view payload = absl::string_view(frame).substr(proto::kFrameHeaderBytes);
  const uint32_t checksum =
      XXH32(payload.data(), payload.size(), XXH32(frame.data(), kChecksumOffset, 0));
  for (size_t i = 0; i < 4; ++i) frame[kChecksumOffset + i] = static_cast<char>(checksum >> 8 * i);
  return frame;
}

Stream StreamFrom(Input* input) {
  Stream stream;
  while (!input->empty() && stream.bytes.size() < kMaxStreamBytes) {
    switch (input->Byte() % 8) {
      case 0:
      case 1: {
        const std::string message = MessageFrom(input);
        stream.bytes += proto::EncodeFrames(message).value();
        stream.messages.push_back(message);
        break;
      }
      case 2: {  // broken off
        const std::string frames = proto::EncodeFrames(MessageFrom(input)).value();
        stream.bytes += frames.substr(0, input->Number16() % frames.size());
        stream.clean = false;
        break;
      }
      case 3: {  // damaged
        std::string frames = proto::EncodeFrames(MessageFrom(input)).value();
        char& byte = frames[input->Number16() % frames.size()];
        byte = static_cast<char>(byte ^ input->Byte());
        stream.bytes += frames;
        stream.clean = false;
        break;
      }
      case 4:
        stream.bytes += ForgedFrame(input);
        stream.clean = false;
        break;
      case 5:
        stream.bytes += std::string(input->Take(input->Byte()));
        stream.clean = false;
        break;
      default:
        stream.cuts.push_back(stream.bytes.size());
        // And one within what comes next.
        stream.cuts.push_back(stream.bytes.size() + input->Byte());
    }
  }
  return stream;
}

struct Decoded {
  std::vector<std::string> messages;
  uint64_t rejected = 0;
  bool operator==(const Decoded& other) const {
    return messages == other.messages && rejected == other.rejected;
  }
};

class Collector {
 public:
  void Append(absl::string_view bytes) {
    decoder_.Append(bytes);
    Drain();
  }
  Decoded End() {
    decoder_.EndOfInput();
    Drain();
    decoded_.rejected = decoder_.rejected();
    return decoded_;
  }

 private:
  void Drain() {
    while (absl::optional<std::string> message = decoder_.Next()) {
      decoded_.messages.push_back(*std::move(message));
    }
  }

  proto::FrameDecoder decoder_;
  Decoded decoded_;
};

}  // namespace

void Frames(absl::string_view bytes) {
  Input input(bytes);
  const Stream stream = StreamFrom(&input);
  Collector whole;
  whole.Append(stream.bytes);
  const Decoded expected = whole.End();
  if (stream.clean) {
    Require(expected.messages == stream.messages && expected.rejected == 0,
            "what was encoded is decoded");
  }

  Collector pieces;
  absl::string_view left = stream.bytes;
  size_t at = 0;
  for (const size_t cut : stream.cuts) {
    if (cut <= at) continue;
    const absl::string_view piece = left.substr(0, cut - at);
    pieces.Append(piece);
    left.remove_prefix(piece.size());
    at += piece.size();
  }
  pieces.Append(left);
  Require(pieces.End() == expected, "it does not matter how a stream is cut");

  if (stream.bytes.size() > 512) return;
  Collector single;
  for (const char byte : stream.bytes) single.Append(absl::string_view(&byte, 1));
  Require(single.End() == expected, "it does not matter that a stream comes byte by byte");
}

}  // namespace cubby::fuzz
