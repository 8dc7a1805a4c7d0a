// Who may use the named objects of a store on Windows.
//
// Access follows the store's mode, as on Linux: the owner's read and write bits hold for the user
// who made the object, the others' bits for Everyone, the group's for nobody. Nothing is inherited,
// and rights that are not needed are not given.
#ifndef CUBBY_OS_SECURITY_WIN_H_
#define CUBBY_OS_SECURITY_WIN_H_

#include <windows.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// The name of an object of that store, for this logon session: `Local\cubby.NAME<suffix>`.
std::string ObjectName(absl::string_view store, absl::string_view suffix);

// The current user's SID, as text.
absl::StatusOr<std::string> CurrentUserSid();
// The SID of the user who owns a kernel object that is open with READ_CONTROL, as text.
absl::StatusOr<std::string> OwnerSid(HANDLE object);

// The mode of a kernel object that is open with READ_CONTROL, as far as FromMode() made its list of
// one: its owner's and the others' bits, each there if they have that right.
absl::StatusOr<uint32_t> ModeOf(HANDLE object, DWORD read, DWORD write);

// A security descriptor, in the form that the Create functions take. Movable.
class Security {
 public:
  // `read` rights for whom `mode` lets read, `write` rights for whom it lets write. The current
  // user is the owner.
  static absl::StatusOr<Security> FromMode(uint32_t mode, DWORD read, DWORD write);

  // `rights` for those who may write the store's mapping; for the current user if there is no
  // mapping yet.
  static absl::StatusOr<Security> ForWritersOf(absl::string_view store, DWORD rights);

  // Valid while this lives.
  SECURITY_ATTRIBUTES* attributes() { return &attributes_; }

 private:
  static absl::StatusOr<Security> FromText(const std::string& sddl);

  struct Free {
    void operator()(void* memory) const { LocalFree(memory); }
  };
  std::unique_ptr<void, Free> descriptor_;
  SECURITY_ATTRIBUTES attributes_ = {};
};

}  // namespace cubby::os

#endif  // CUBBY_OS_SECURITY_WIN_H_
