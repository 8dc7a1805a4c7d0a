#include "os/security_win.h"

#include <aclapi.h>
#include <sddl.h>

#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/errors.h"

namespace cubby::os {
namespace {

constexpr char kEveryone[] = "WD";  // SDDL's word for it
constexpr char kEveryoneSid[] = "S-1-1-0";

absl::StatusOr<std::string> SidText(PSID sid) {
  char* text = nullptr;
  if (!ConvertSidToStringSidA(sid, &text)) return LastError("cannot write a SID as text");
  std::string copy = text;
  LocalFree(text);
  return copy;
}

// Returns an entry of an access control list in SDDL; no entry for no rights.
std::string Allow(DWORD rights, absl::string_view sid) {
  return rights == 0 ? "" : absl::StrCat("(A;;0x", absl::Hex(rights), ";;;", sid, ")");
}

// A SID and what an access control list allows it.
struct Allowed {
  std::string sid;
  DWORD rights;
};

// Returns the entries of an object's access control list that allow something. `what` begins the
// message of an error.
absl::StatusOr<std::vector<Allowed>> AllowedBy(HANDLE object, absl::string_view what) {
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const DWORD error = GetSecurityInfo(object, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, nullptr,
                                      nullptr, &list, nullptr, &descriptor);
  if (error != ERROR_SUCCESS) return ErrorFromCode(static_cast<int>(error), what);
  absl::Cleanup free = [descriptor] { LocalFree(descriptor); };
  std::vector<Allowed> all;
  for (DWORD i = 0; list != nullptr && i < list->AceCount; ++i) {
    void* entry = nullptr;
    if (!GetAce(list, i, &entry)) return LastError(what);
    const auto* allowed = static_cast<const ACCESS_ALLOWED_ACE*>(entry);
    if (allowed->Header.AceType != ACCESS_ALLOWED_ACE_TYPE) continue;
    ASSIGN_OR_RETURN(std::string sid, SidText(const_cast<DWORD*>(&allowed->SidStart)));
    all.push_back({std::move(sid), allowed->Mask});
  }
  return all;
}

}  // namespace

std::string ObjectName(absl::string_view store, absl::string_view suffix) {
  return absl::StrCat("Local\\cubby.", store, suffix);
}

absl::StatusOr<std::string> CurrentUserSid() {
  HANDLE token;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
    return LastError("cannot open the process's token");
  }
  absl::Cleanup close = [token] { CloseHandle(token); };
  DWORD size = 0;
  GetTokenInformation(token, TokenUser, nullptr, 0, &size);
  std::vector<char> user(size);
  if (!GetTokenInformation(token, TokenUser, user.data(), size, &size)) {
    return LastError("cannot tell who the current user is");
  }
  return SidText(reinterpret_cast<TOKEN_USER*>(user.data())->User.Sid);
}

absl::StatusOr<std::string> OwnerSid(HANDLE object) {
  PSID owner = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const DWORD error = GetSecurityInfo(object, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                                      nullptr, nullptr, nullptr, &descriptor);
  if (error != ERROR_SUCCESS) {
    return ErrorFromCode(static_cast<int>(error), "cannot tell who owns an object");
  }
  absl::Cleanup free = [descriptor] { LocalFree(descriptor); };
  if (owner == nullptr) return absl::PermissionDeniedError("an object has no owner");
  return SidText(owner);
}

absl::StatusOr<uint32_t> ModeOf(HANDLE object, DWORD read, DWORD write) {
  ASSIGN_OR_RETURN(const std::string owner, OwnerSid(object));
  ASSIGN_OR_RETURN(const std::vector<Allowed> all,
                   AllowedBy(object, "cannot tell who may use an object"));
  uint32_t mode = 0;
  for (const Allowed& allowed : all) {
    const uint32_t bits =
        ((allowed.rights & read) != 0 ? 4 : 0) | ((allowed.rights & write) != 0 ? 2 : 0);
    if (allowed.sid == owner) mode |= bits << 6;
    if (allowed.sid == kEveryoneSid) mode |= bits;
  }
  return mode;
}

absl::StatusOr<Security> Security::FromText(const std::string& sddl) {
  Security security;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl.c_str(), SDDL_REVISION_1,
                                                            &descriptor, nullptr)) {
    return LastError(absl::StrCat("cannot make a security descriptor of ", sddl));
  }
  security.descriptor_.reset(descriptor);
  security.attributes_.nLength = sizeof(security.attributes_);
  security.attributes_.lpSecurityDescriptor = descriptor;
  return security;
}

absl::StatusOr<Security> Security::FromMode(uint32_t mode, DWORD read, DWORD write) {
  ASSIGN_OR_RETURN(const std::string user, CurrentUserSid());
  const auto rights = [&](uint32_t read_bit, uint32_t write_bit) {
    return ((mode & read_bit) != 0 ? read : 0) | ((mode & write_bit) != 0 ? write : 0);
  };
  // Names the owner because an administrator's objects otherwise belong to the group of
  // administrators.
  return FromText(absl::StrCat("O:", user, "D:P", Allow(rights(0400, 0200), user),
                               Allow(rights(0004, 0002), kEveryone)));
}

absl::StatusOr<Security> Security::ForWritersOf(absl::string_view store, DWORD rights) {
  const HANDLE mapping =
      OpenFileMappingA(READ_CONTROL, /*bInheritHandle=*/FALSE, ObjectName(store, "").c_str());
  if (mapping == nullptr) {
    if (GetLastError() == ERROR_FILE_NOT_FOUND) return FromMode(0600, rights, rights);
    return LastError(absl::StrCat("cannot see who may write store '", store, "'"));
  }
  absl::Cleanup close = [mapping] { CloseHandle(mapping); };
  ASSIGN_OR_RETURN(
      const std::vector<Allowed> all,
      AllowedBy(mapping, absl::StrCat("cannot see who may write store '", store, "'")));
  std::string list = "D:P";
  for (const Allowed& allowed : all) {
    if ((allowed.rights & SECTION_MAP_WRITE) == 0) continue;
    absl::StrAppend(&list, Allow(rights, allowed.sid));
  }
  return FromText(list);
}

}  // namespace cubby::os
