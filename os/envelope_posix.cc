#include "os/envelope_posix.h"

#include <algorithm>

#include "base/framing.h"
#include "os/pipe.h"

namespace cubby::os {
namespace {

using base::AppendLittleEndian;
using base::LittleEndian;

constexpr absl::string_view kMagic = "cbE\xf1";
constexpr size_t kLengthOffset = 4;
constexpr size_t kReplyToOffset = 8;
constexpr size_t kChecksumOffset = 16;
static_assert(kChecksumOffset + 4 == kEnvelopeBytes);

uint32_t Checksum(absl::string_view header, absl::string_view payload) {
  return base::FrameChecksum(header.substr(0, kChecksumOffset), payload);
}

// Returns the payload of the envelope that `bytes` begin with; an empty one if there is none.
absl::string_view PayloadAtFront(absl::string_view bytes) {
  if (bytes.size() <= kEnvelopeBytes || bytes.substr(0, kMagic.size()) != kMagic) return {};
  const uint64_t payload_bytes = LittleEndian(bytes, kLengthOffset, 4);
  const absl::string_view payload = bytes.substr(kEnvelopeBytes, payload_bytes);
  if (payload_bytes > kMaxRequestBytes || payload.size() != payload_bytes) return {};
  if (LittleEndian(bytes, kChecksumOffset, 4) != Checksum(bytes, payload)) return {};
  return payload;
}

}  // namespace

std::string MakeEnvelope(uint64_t reply_to, absl::string_view payload) {
  std::string envelope(kMagic);
  envelope.reserve(kEnvelopeBytes + payload.size());
  AppendLittleEndian(payload.size(), 4, &envelope);
  AppendLittleEndian(reply_to, 8, &envelope);
  AppendLittleEndian(Checksum(envelope, payload), 4, &envelope);
  envelope.append(payload.data(), payload.size());
  return envelope;
}

OpenedEnvelopes OpenEnvelopes(absl::string_view bytes) {
  OpenedEnvelopes opened;
  bool in_garbage = false;
  while (!bytes.empty()) {
    const absl::string_view payload = PayloadAtFront(bytes);
    if (!payload.empty()) {
      opened.requests.push_back({LittleEndian(bytes, kReplyToOffset, 8), std::string(payload)});
      bytes.remove_prefix(kEnvelopeBytes + payload.size());
      in_garbage = false;
      continue;
    }
    if (!in_garbage) ++opened.rejected;
    in_garbage = true;
    bytes.remove_prefix(std::min(bytes.find(kMagic, 1), bytes.size()));
  }
  return opened;
}

}  // namespace cubby::os
