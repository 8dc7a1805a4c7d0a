// Where a subcommand's input comes from, piece by piece: a file, or a source that decodes another.
#ifndef CUBBY_CLI_BYTE_SOURCE_H_
#define CUBBY_CLI_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace cubby::cli {

// Appends the bytes that come next, at most kPieceBytes, to *bytes. Returns false at the end of the
// input, true if it appended some. Waits only while none are available.
using ByteSource = std::function<absl::StatusOr<bool>(std::string* bytes)>;

inline constexpr size_t kPieceBytes = 64 << 10;

// Returns the bytes of `file`, which must stay open while the source is used. `name` denotes the
// file in messages. The source returns Internal if reading fails.
ByteSource BytesOfFile(std::FILE* file, std::string name);

// Opens a file for reading. Internal, naming it, on error.
absl::StatusOr<std::FILE*> OpenInput(const std::string& path);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_BYTE_SOURCE_H_
