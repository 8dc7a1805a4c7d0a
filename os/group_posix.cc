#include <grp.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "os/errors.h"
#include "os/group.h"

namespace cubby::os {

absl::StatusOr<uint32_t> GroupId(absl::string_view group) {
  uint32_t number;
  if (absl::SimpleAtoi(group, &number)) {
    // For the system it means "leave the group as it is".
    if (number != static_cast<gid_t>(-1)) return number;
    return absl::InvalidArgumentError(absl::StrCat("no group has the number ", group));
  }
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

}  // namespace cubby::os
