// Access rights of a store's named objects on Windows.
//
// They follow the store's mode, as on Linux: the owner's read and write bits apply to the user who
// made the object, the others' bits to Everyone, the group's bits to no user. Objects inherit no
// rights and give none that are not needed.
#ifndef CUBBY_OS_SECURITY_WIN_H_
#define CUBBY_OS_SECURITY_WIN_H_

#include <windows.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// Returns the name of an object of that store in this logon session: `Local\cubby.NAME<suffix>`.
std::string ObjectName(absl::string_view store, absl::string_view suffix);

// Returns the current user's SID, as text.
absl::StatusOr<std::string> CurrentUserSid();
// Returns the SID of the owner of a kernel object that is open with READ_CONTROL, as text.
absl::StatusOr<std::string> OwnerSid(HANDLE object);

// Returns the mode that FromMode() made the access control list of a kernel object from: the bits
// of its owner and of others whose rights are in the list. REQUIRES: the object is open with
// READ_CONTROL.
absl::StatusOr<uint32_t> ModeOf(HANDLE object, DWORD read, DWORD write);

// A security descriptor, in the form that the Create functions take. Movable.
class Security {
 public:
  // Gives `read` rights to users that `mode` lets read, and `write` rights to users that it lets
  // write. The current user is the owner.
  static absl::StatusOr<Security> FromMode(uint32_t mode, DWORD read, DWORD write);

  // Gives `rights` to users who may write the store's mapping; to the current user if there is no
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
