// What systemd-logind does with the shared memory of a user whose last session ends.
#ifndef CUBBY_CLI_LOGIND_POSIX_H_
#define CUBBY_CLI_LOGIND_POSIX_H_

#include <string>

namespace cubby::cli {

// Returns the beginning of a file, up to 64 KiB; "" unless it is a regular file that can be read.
// Never waits for another process.
std::string ReadSmallFile(const std::string& path);

struct LogindSetting {
  bool removes;      // the value of RemoveIPC=
  std::string file;  // that sets it; "" if none does
};

// Reads logind.conf and the files beside it (logind.conf(5)), below `root`.
LogindSetting RemoveIpcSetting(const std::string& root);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_LOGIND_POSIX_H_
