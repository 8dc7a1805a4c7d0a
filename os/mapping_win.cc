#include <windows.h>

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "os/errors.h"
#include "os/mapping.h"
#include "os/security_win.h"

namespace cubby::os {
namespace {

constexpr DWORD kReadRights = FILE_MAP_READ | SECTION_QUERY | READ_CONTROL;
constexpr DWORD kWriteRights = kReadRights | FILE_MAP_WRITE;
constexpr size_t kPageBytes = 4096;  // the smallest there are

absl::Status CreateError(const std::string& name, uint64_t bytes) {
  const DWORD error = GetLastError();
  switch (error) {
    case ERROR_ACCESS_DENIED:   // a mapping that this user may not open
    case ERROR_INVALID_HANDLE:  // an object of another kind
      return absl::AlreadyExistsError(
          absl::StrCat("cannot create the mapping ", name, ": something else has that name"));
    default:
      break;
  }
  absl::Status status =
      ErrorFromCode(static_cast<int>(error), absl::StrCat("cannot create the mapping ", name));
  MEMORYSTATUSEX memory = {};
  memory.dwLength = sizeof(memory);
  if (!absl::IsResourceExhausted(status) || !GlobalMemoryStatusEx(&memory)) return status;
  return absl::ResourceExhaustedError(absl::StrCat(
      "the store needs ", bytes, " bytes of memory and the system has ", memory.ullAvailPageFile,
      " to give: end other programs, enlarge the paging file, or ask for less"));
}

absl::Status NoHugePages() {
  return absl::UnimplementedError("no huge pages for shared memory on Windows");
}

}  // namespace

struct Mapping::Impl {
  ~Impl() {
    if (data != nullptr) UnmapViewOfFile(data);
    if (section != nullptr) CloseHandle(section);
  }

  HANDLE section = nullptr;  // keeps the name
  char* data = nullptr;
  size_t size = 0;
  uint32_t mode = 0;
  std::string owner;
};

// CreateFileMapping() tells in time.
absl::Status Mapping::CheckRoom(uint64_t, uint64_t) { return absl::OkStatus(); }
std::string Mapping::RoomWarning(uint64_t) { return ""; }
absl::Status Mapping::CheckHugePages(uint64_t) { return NoHugePages(); }

absl::StatusOr<Mapping> Mapping::Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t>, Pages, Stopped stopped) {
  if (stopped()) return absl::CancelledError("stopped before it was made");
  const std::string name = ObjectName(store, "");
  ASSIGN_OR_RETURN(Security security, Security::FromMode(mode, kReadRights, kWriteRights));
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->owner, CurrentUserSid());
  // SEC_COMMIT, the default, makes the system promise all of the memory now.
  impl->section =
      CreateFileMappingA(INVALID_HANDLE_VALUE, security.attributes(), PAGE_READWRITE,
                         static_cast<DWORD>(bytes >> 32), static_cast<DWORD>(bytes), name.c_str());
  if (impl->section == nullptr) return CreateError(name, bytes);
  if (GetLastError() == ERROR_ALREADY_EXISTS) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot create the mapping ", name, ": it is there already"));
  }
  impl->data =
      static_cast<char*>(MapViewOfFile(impl->section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes));
  if (impl->data == nullptr) return LastError(absl::StrCat("cannot map ", bytes, " bytes"));
  impl->size = bytes;
  impl->mode = ModeThatHolds(mode);
  return Mapping(std::move(impl));
}

absl::StatusOr<Mapping> Mapping::Open(absl::string_view store, Access access, uint64_t at_most) {
  const std::string name = ObjectName(store, "");
  const DWORD view = access == Access::kReadWrite ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ;
  auto impl = std::make_unique<Impl>();
  impl->section = OpenFileMappingA(view | READ_CONTROL, /*bInheritHandle=*/FALSE, name.c_str());
  if (impl->section == nullptr) return LastError(absl::StrCat("cannot open the mapping ", name));
  ASSIGN_OR_RETURN(impl->owner, OwnerSid(impl->section));
  ASSIGN_OR_RETURN(impl->mode, ModeOf(impl->section, SECTION_MAP_READ, SECTION_MAP_WRITE));
  impl->data = static_cast<char*>(MapViewOfFile(impl->section, view, 0, 0, 0));
  if (impl->data == nullptr) return LastError(absl::StrCat("cannot map ", name));
  // A section can be made with pages that have no memory behind them. Only the pages that have,
  // from the first on, can be read; the caller's validation finds that they are too few.
  MEMORY_BASIC_INFORMATION pages;
  if (VirtualQuery(impl->data, &pages, sizeof(pages)) == 0) {
    return LastError(absl::StrCat("cannot tell the size of ", name));
  }
  impl->size = pages.State == MEM_COMMIT ? std::min<uint64_t>(pages.RegionSize, at_most) : 0;
  return Mapping(std::move(impl));
}

// Large pages take the right to lock pages in memory, which few users have.
absl::StatusOr<uint64_t> Mapping::UseHugePages(Stopped) const { return UseHugePage(0); }
absl::Status Mapping::UseHugePage(uint64_t) const { return NoHugePages(); }

absl::Status Mapping::Prefault() const {
  // PrefetchVirtualMemory() brings pages in from a file, but maps none.
  for (size_t at = 0; at < size(); at += kPageBytes) {
    static_cast<void>(*static_cast<const volatile char*>(data() + at));
  }
  return absl::OkStatus();
}

absl::Status Mapping::Remove(absl::string_view) { return absl::OkStatus(); }
absl::Status Mapping::Remove() const { return absl::OkStatus(); }

Mapping::Mapping() = default;
Mapping::Mapping(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mapping::Mapping(Mapping&& other) noexcept = default;
Mapping& Mapping::operator=(Mapping&& other) noexcept = default;
Mapping::~Mapping() = default;

char* Mapping::data() const { return impl_ == nullptr ? nullptr : impl_->data; }
size_t Mapping::size() const { return impl_ == nullptr ? 0 : impl_->size; }
uint32_t Mapping::mode() const { return impl_->mode; }
uint32_t Mapping::group() const { return 0; }
const std::string& Mapping::owner() const { return impl_->owner; }

bool Mapping::Truncated() const { return false; }

bool Mapping::Orphaned() const { return false; }

absl::Status Mapping::CheckName() const { return absl::OkStatus(); }
bool Mapping::Hidden() const { return false; }

uint32_t Mapping::ModeThatHolds(uint32_t mode) { return mode & 0606; }

bool Mapping::OwnerIsUnknown() const { return false; }

bool Mapping::OwnedBySystem() const {
  return impl_->owner == "S-1-5-18" ||
         impl_->owner == "S-1-5-32-544";  // Local System, Administrators
}

bool Mapping::OwnedByCaller() const {
  const absl::StatusOr<std::string> caller = CurrentUserSid();
  return caller.ok() && impl_->owner == *caller;
}

}  // namespace cubby::os
