// The form of a request in the request FIFO: an envelope that names the reply FIFO. One write holds
// one envelope.
//
//   0       4               8          16         20
//   | magic | payload bytes | reply_to | checksum | payload |
//   magic     "cbE\xf1"
//   checksum  XXH32 of the payload, seeded with XXH32 of the 16 bytes before it
//
// All little-endian. Programs of the same user can write anything into the FIFO, and a killed
// daemon's client may have; OpenEnvelopes() finds the envelopes between such bytes.
#ifndef CUBBY_OS_ENVELOPE_POSIX_H_
#define CUBBY_OS_ENVELOPE_POSIX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "os/pipe_server.h"

namespace cubby::os {

inline constexpr size_t kEnvelopeBytes = 20;  // without the payload

// Returns the envelope. REQUIRES: `payload` has 1 to kMaxRequestBytes bytes.
std::string MakeEnvelope(uint64_t reply_to, absl::string_view payload);

struct OpenedEnvelopes {
  std::vector<PipeServer::Request> requests;
  uint64_t rejected = 0;  // stretches of bytes that are no envelope
};

// Returns the requests in `bytes`, which are whole writes: an envelope that is cut off at the end
// stays incomplete. Skips bytes that are no envelope up to the next one that is.
OpenedEnvelopes OpenEnvelopes(absl::string_view bytes);

}  // namespace cubby::os

#endif  // CUBBY_OS_ENVELOPE_POSIX_H_
