#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "os/user.h"

namespace cubby::os {

absl::Status CheckCaller() { return absl::OkStatus(); }

absl::Status CheckUser(absl::string_view user) {
  if (absl::StartsWith(user, "S-1-")) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("bad owner '", absl::CHexEscape(user),
                                                 "': use a SID, which `whoami /user` prints, or "
                                                 "any"));
}

}  // namespace cubby::os
