// Runs programs as other users, for tests that run as root. Include it in one file of a test
// binary.
#ifndef CUBBY_TESTS_SUPPORT_AS_USER_POSIX_H_
#define CUBBY_TESTS_SUPPORT_AS_USER_POSIX_H_

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/argv_posix.h"
#include "tests/support/child.h"

namespace cubby::test {

struct User {
  uint32_t id;     // uid, and gid of the user's own group
  uint32_t group;  // a supplementary group; 0: none
};

// args: uid, supplementary group, runtime directory, then a command line.
CUBBY_CHILD(AsUser) {
  uint32_t user = 0, group = 0;
  if (!absl::SimpleAtoi(args[0], &user) || !absl::SimpleAtoi(args[1], &group)) return 99;
  // Opened first: the other user may have no access to the program's folder.
  const int program = open(args[3].c_str(), O_RDONLY | O_CLOEXEC);
  const gid_t groups[] = {group};
  if (program < 0 || setgroups(group == 0 ? 0 : 1, groups) != 0 || setgid(user) != 0 ||
      setuid(user) != 0) {
    return 99;
  }
  setenv("CUBBY_RUNTIME_DIR", args[2].c_str(), 1);
  const std::vector<char*> argv = ArgvOf(args, /*first=*/3);
  fexecve(program, argv.data(), environ);
  return 98;
}

// Starts a command line as `user`, with `runtime_dir` as its runtime directory.
inline absl::StatusOr<std::unique_ptr<Subprocess>> StartAs(const User& user,
                                                           const std::string& runtime_dir,
                                                           std::vector<std::string> argv) {
  argv.insert(argv.begin(), {absl::StrCat(user.id), absl::StrCat(user.group), runtime_dir});
  return StartChild("AsUser", argv);
}

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_AS_USER_POSIX_H_
