#include <cstdio>

#include "absl/strings/str_cat.h"
#include "os/shell.h"

namespace cubby::os {

absl::Status RunShell(const std::string& command, uint64_t max_bytes, std::string* output) {
  output->clear();
  std::FILE* const pipe = _popen(command.c_str(), "rb");
  if (pipe == nullptr) return absl::InternalError("cannot run the command");
  char piece[1 << 16];
  size_t bytes;
  bool too_long = false;
  while ((bytes = std::fread(piece, 1, sizeof(piece), pipe)) > 0) {
    too_long = too_long || output->size() + bytes > max_bytes;
    if (!too_long) output->append(piece, bytes);
  }
  const bool failed = std::ferror(pipe) != 0;
  const int exit_code = _pclose(pipe);
  if (failed) return absl::InternalError("cannot read the command's output");
  if (too_long) return TooMuchOutput(max_bytes);
  if (exit_code == 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the command exited with ", exit_code));
}

}  // namespace cubby::os
