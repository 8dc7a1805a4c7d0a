#include <cstdio>

#include "absl/strings/str_cat.h"
#include "os/errors.h"
#include "os/shell.h"

namespace cubby::os {

absl::Status RunShell(const std::string& command, std::string* output) {
  output->clear();
  std::FILE* const pipe = _popen(command.c_str(), "rb");
  if (pipe == nullptr) return absl::InternalError("cannot run the command");
  char piece[1 << 16];
  size_t bytes;
  while ((bytes = std::fread(piece, 1, sizeof(piece), pipe)) > 0) output->append(piece, bytes);
  const bool failed = std::ferror(pipe) != 0;
  const int exit_code = _pclose(pipe);
  if (failed) return absl::InternalError("cannot read the command's output");
  if (exit_code == 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the command exited with ", exit_code));
}

}  // namespace cubby::os
