#include "os/user_posix.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "os/user.h"

namespace cubby::os {
namespace {

// The kernel's default, for where /proc does not tell.
constexpr uid_t kDefaultOverflowUser = 65534;
// The largest number is no id.
constexpr uint64_t kUserIds = std::numeric_limits<uint32_t>::max();

uid_t OverflowUser() {
  uid_t uid = kDefaultOverflowUser;
  std::ifstream("/proc/sys/kernel/overflowuid") >> uid;
  return uid;
}

bool NamespaceMapsAllUsers() {
  // Lines of: first id inside, first id outside, how many. The ranges do not overlap.
  std::ifstream map("/proc/self/uid_map");
  uint64_t mapped = 0;
  for (uint64_t inside, outside, count; map >> inside >> outside >> count;) mapped += count;
  return mapped >= kUserIds;
}

}  // namespace

bool IsUnmappedUser(uid_t uid) { return uid == OverflowUser() && !NamespaceMapsAllUsers(); }

absl::Status CheckUser(absl::string_view user) {
  uint32_t uid;
  if (absl::SimpleAtoi(user, &uid) && user == absl::StrCat(uid)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("bad owner '", absl::CHexEscape(user),
                                                 "': use a uid, which `id -u LOGIN` prints, or "
                                                 "any"));
}

absl::Status CheckCaller() {
  if (!IsUnmappedUser(geteuid())) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "this process runs as uid ", geteuid(),
      ", which stands for every user that its user namespace does not map: map its user"));
}

}  // namespace cubby::os
