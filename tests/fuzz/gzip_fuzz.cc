// Whether a file that may be compressed gives the same bytes however it arrives, and its own bytes
// if it is not.
#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "cli/gzip.h"
#include "tests/fuzz/harness.h"

namespace cubby::fuzz {
namespace {

// Of some thousand bytes, a million times as many can come: the rest is not looked at.
constexpr size_t kEnough = 4 << 20;

struct Decoded {
  std::string bytes;
  absl::Status status;
};

Decoded Decode(absl::string_view input, size_t piece) {
  const cli::ByteSource source = cli::Decompressed(
      [&input, piece](std::string* bytes) -> absl::StatusOr<bool> {
        const absl::string_view next = input.substr(0, piece);
        input.remove_prefix(next.size());
        bytes->append(next.data(), next.size());
        return !next.empty();
      },
      "the input");
  Decoded decoded;
  while (decoded.bytes.size() < kEnough) {
    const size_t before = decoded.bytes.size();
    const absl::StatusOr<bool> more = source(&decoded.bytes);
    Require(decoded.bytes.size() - before <= cli::kPieceBytes, "a piece is small");
    if (!more.ok()) {
      Require(absl::IsDataLoss(more.status()), "only the bytes can be wrong");
      decoded.status = more.status();
      break;
    }
    if (!*more) break;
    Require(decoded.bytes.size() > before, "a piece is something");
  }
  decoded.bytes.resize(std::min(decoded.bytes.size(), kEnough));
  return decoded;
}

}  // namespace

void Gzip(absl::string_view input) {
  const Decoded whole = Decode(input, cli::kPieceBytes);
  const Decoded bytewise = Decode(input, 1);
  Require(whole.status == bytewise.status, "an error is the same however the bytes arrive");
  Require(whole.bytes == bytewise.bytes, "so are the bytes before it");
  if (!absl::StartsWith(input, "\x1f\x8b")) {
    Require(whole.status.ok() && whole.bytes == input, "other bytes are as they are");
  }
}

}  // namespace cubby::fuzz
