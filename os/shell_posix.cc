#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "os/errors.h"
#include "os/shell.h"

namespace cubby::os {

absl::Status RunShell(const std::string& command, std::string* output) {
  output->clear();
  std::FILE* const pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return LastError("cannot run the command");
  char piece[1 << 16];
  size_t bytes;
  while ((bytes = std::fread(piece, 1, sizeof(piece), pipe)) > 0) output->append(piece, bytes);
  const bool failed = std::ferror(pipe) != 0;
  const absl::Status error =
      failed ? LastError("cannot read the command's output") : absl::OkStatus();
  const int status = pclose(pipe);
  if (failed) return error;
  if (status == -1) return LastError("cannot wait for the command");
  if (WIFSIGNALED(status)) {
    return absl::AbortedError(absl::StrCat("the command was ended by signal ", WTERMSIG(status),
                                           " (", strsignal(WTERMSIG(status)), ")"));
  }
  if (WEXITSTATUS(status) != 0) {
    return absl::AbortedError(absl::StrCat("the command exited with ", WEXITSTATUS(status)));
  }
  return absl::OkStatus();
}

}  // namespace cubby::os
