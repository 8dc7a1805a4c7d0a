#include "cli/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/text.h"
#include "program/standard_streams.h"

namespace cubby::cli {
namespace {

std::string Reason(int error) { return std::error_code(error, std::generic_category()).message(); }

}  // namespace

ByteSource BytesOfFile(std::FILE* file, std::string name) {
  return [file, name = std::move(name)](std::string* bytes) -> absl::StatusOr<bool> {
    const size_t before = bytes->size();
    bytes->resize(before + kPieceBytes);
    const int64_t got = program::ReadSome(file, &(*bytes)[before], kPieceBytes);
    const int error = errno;
    bytes->resize(before + static_cast<size_t>(std::max<int64_t>(got, 0)));
    if (got < 0)
      return absl::InternalError(absl::StrCat("cannot read ", name, ": ", Reason(error)));
    return got > 0;
  };
}

absl::StatusOr<std::FILE*> OpenInput(const std::string& path) {
  std::FILE* const file = program::OpenFile(path);
  if (file != nullptr) return file;
  return absl::InternalError(absl::StrCat("cannot open ", Quoted(path), ": ", Reason(errno)));
}

}  // namespace cubby::cli
