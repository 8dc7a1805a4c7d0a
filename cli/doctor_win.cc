// The checks of `cubby doctor` on Windows.
#include <windows.h>

#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "cli/doctor.h"

namespace cubby::cli {
namespace {

Finding CheckMemory(const Surroundings& surroundings) {
  const absl::optional<Surroundings::Space> space = surroundings.space("");
  if (!space.has_value()) return Note("the system does not tell its memory", "see Task Manager");
  const std::string seen = absl::StrCat("the system can give ", space->free, " of ", space->bytes,
                                        " bytes, paging file included");
  if (space->free >= surroundings.need) return Ok(seen);
  return {surroundings.need_is_met ? Level::kNote : Level::kBad,
          absl::StrCat(seen, "; ",
                       surroundings.need_is_met ? "another store as large as this one needs "
                                                : "a store of default size needs ",
                       surroundings.need),
          "end other programs, enlarge the paging file, or ask for less"};
}

Finding CheckSession(const Surroundings&) {
  DWORD session = 0;
  if (!ProcessIdToSessionId(GetCurrentProcessId(), &session)) {
    return Note("the system does not tell the logon session", "run all programs in one session");
  }
  const std::string seen =
      absl::StrCat("logon session ", session, ", whose programs share stores (Local\\)");
  if (session != 0) return Ok(seen);
  return Note(absl::StrCat(seen, "; it is that of services"),
              "run cubbyd and its clients all as services, or all in one user's session");
}

// True if the process's token has the privilege of that name, enabled or not.
bool HasPrivilege(const char* name) {
  LUID wanted;
  HANDLE token;
  if (!LookupPrivilegeValueA(nullptr, name, &wanted) ||
      !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
    return false;
  }
  absl::Cleanup close = [token] { CloseHandle(token); };
  DWORD bytes = 0;
  GetTokenInformation(token, TokenPrivileges, nullptr, 0, &bytes);
  // Words, as the struct needs to be aligned.
  std::vector<uint64_t> words(bytes / sizeof(uint64_t) + 1);
  if (!GetTokenInformation(token, TokenPrivileges, words.data(), bytes, &bytes)) return false;
  const auto& privileges = *reinterpret_cast<const TOKEN_PRIVILEGES*>(words.data());
  for (DWORD at = 0; at < privileges.PrivilegeCount; ++at) {
    const LUID& luid = privileges.Privileges[at].Luid;
    if (luid.LowPart == wanted.LowPart && luid.HighPart == wanted.HighPart) return true;
  }
  return false;
}

Finding CheckPrivileges(const Surroundings&) {
  const auto has = [](const char* name) {
    return absl::StrCat(name, HasPrivilege(name) ? ": yes" : ": no");
  };
  return Ok(absl::StrCat("none is needed (", has("SeCreateGlobalPrivilege"), "; ",
                         has("SeLockMemoryPrivilege"),
                         "): stores are the session's own and lie in small pages"));
}

Finding CheckRuntimeDir(const Surroundings&) {
  return Ok("none is needed: control channels are the pipes \\\\.\\pipe\\cubby.NAME");
}

constexpr Check kChecks[] = {
    {"memory", &CheckMemory},
    {"session", &CheckSession},
    {"privileges", &CheckPrivileges},
    {"runtime directory", &CheckRuntimeDir},
};

}  // namespace

absl::Span<const Check> SystemChecks() { return kChecks; }

Surroundings SystemHere() {
  Surroundings here;
  here.space = [](const std::string&) -> absl::optional<Surroundings::Space> {
    MEMORYSTATUSEX memory = {};
    memory.dwLength = sizeof(memory);
    if (!GlobalMemoryStatusEx(&memory)) return absl::nullopt;
    return Surroundings::Space{memory.ullTotalPageFile, memory.ullAvailPageFile};
  };
  return here;
}

}  // namespace cubby::cli
