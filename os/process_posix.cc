#include <grp.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "os/errors.h"
#include "os/process.h"

namespace cubby::os {

uint64_t ProcessId() { return static_cast<uint64_t>(getpid()); }

absl::StatusOr<uint32_t> GroupId(absl::string_view group) {
  uint32_t number;
  if (absl::SimpleAtoi(group, &number)) return number;
  const std::string name(group);
  std::vector<char> room(1024);
  struct group entry;
  struct group* found = nullptr;
  int error;
  while ((error = getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found)) == ERANGE) {
    room.resize(room.size() * 2);
  }
  if (found != nullptr) return static_cast<uint32_t>(found->gr_gid);
  if (error != 0) return ErrorFromCode(error, absl::StrCat("cannot look up group '", group, "'"));
  return absl::NotFoundError(absl::StrCat("there is no group '", group, "'"));
}

uint64_t RandomBits() {
  uint64_t bits;
  ssize_t got;
  do {
    got = getrandom(&bits, sizeof(bits), 0);
  } while (got < 0 && errno == EINTR);  // while a machine that just started gathers entropy
  if (got != sizeof(bits)) abort();     // without entropy nothing here is safe to go on
  return bits;
}

}  // namespace cubby::os
