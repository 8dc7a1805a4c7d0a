#include <windows.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
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

}  // namespace

absl::StatusOr<Mapping> Mapping::Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t>) {
  const std::string name = ObjectName(store, "");
  absl::StatusOr<Security> security = Security::FromMode(mode, kReadRights, kWriteRights);
  if (!security.ok()) return security.status();
  absl::StatusOr<std::string> owner = CurrentUserSid();
  if (!owner.ok()) return owner.status();
  // The system promises all of the memory now: SEC_COMMIT is the default.
  const HANDLE section =
      CreateFileMappingA(INVALID_HANDLE_VALUE, security->attributes(), PAGE_READWRITE,
                         static_cast<DWORD>(bytes >> 32), static_cast<DWORD>(bytes), name.c_str());
  if (section == nullptr) return CreateError(name, bytes);
  const bool existed = GetLastError() == ERROR_ALREADY_EXISTS;
  absl::Cleanup close = [section] { CloseHandle(section); };
  if (existed) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot create the mapping ", name, ": it is there already"));
  }
  void* data = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes);
  if (data == nullptr) return LastError(absl::StrCat("cannot map ", bytes, " bytes"));
  std::move(close).Cancel();
  Mapping mapping;
  mapping.data_ = static_cast<char*>(data);
  mapping.size_ = bytes;
  mapping.mode_ = ModeThatHolds(mode);
  mapping.owner_ = *std::move(owner);
  mapping.handle_ = section;
  return mapping;
}

absl::StatusOr<Mapping> Mapping::Open(absl::string_view store, Access access) {
  const std::string name = ObjectName(store, "");
  const DWORD view = access == Access::kReadWrite ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ;
  const HANDLE section =
      OpenFileMappingA(view | READ_CONTROL, /*bInheritHandle=*/FALSE, name.c_str());
  if (section == nullptr) return LastError(absl::StrCat("cannot open the mapping ", name));
  Mapping mapping;
  mapping.handle_ = section;
  absl::StatusOr<std::string> owner = OwnerSid(section);
  if (!owner.ok()) return owner.status();
  mapping.owner_ = *std::move(owner);
  const absl::StatusOr<uint32_t> mode = ModeOf(section, SECTION_MAP_READ, SECTION_MAP_WRITE);
  if (!mode.ok()) return mode.status();
  mapping.mode_ = *mode;
  void* data = MapViewOfFile(section, view, 0, 0, 0);
  if (data == nullptr) return LastError(absl::StrCat("cannot map ", name));
  mapping.data_ = static_cast<char*>(data);
  // A section can be made with pages that have no memory behind them. Those that have, from the
  // first on, are what can be touched; whoever validates them will say that it is too short.
  MEMORY_BASIC_INFORMATION pages;
  if (VirtualQuery(data, &pages, sizeof(pages)) == 0) {
    return LastError(absl::StrCat("cannot tell the size of ", name));
  }
  mapping.size_ = pages.State == MEM_COMMIT ? pages.RegionSize : 0;
  return mapping;
}

// Only a program whose user may lock pages in memory, which few may, gets large ones there.
absl::StatusOr<uint64_t> Mapping::UseHugePages() const {
  return absl::UnimplementedError("no huge pages for shared memory on Windows");
}

absl::Status Mapping::Prefault() const {
  // PrefetchVirtualMemory() brings pages in from a file, but maps none.
  for (size_t at = 0; at < size_; at += kPageBytes) {
    static_cast<void>(*static_cast<const volatile char*>(data_ + at));
  }
  return absl::OkStatus();
}

absl::Status Mapping::Remove(absl::string_view) { return absl::OkStatus(); }
absl::Status Mapping::Remove() const { return absl::OkStatus(); }

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mode_(other.mode_),
      owner_(std::move(other.owner_)),
      handle_(std::exchange(other.handle_, nullptr)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping moved(std::move(other));
  std::swap(data_, moved.data_);
  std::swap(size_, moved.size_);
  std::swap(mode_, moved.mode_);
  std::swap(owner_, moved.owner_);
  std::swap(handle_, moved.handle_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
  if (handle_ != nullptr) CloseHandle(handle_);
}

bool Mapping::Truncated() const { return false; }

uint32_t Mapping::ModeThatHolds(uint32_t mode) { return mode & 0606; }

bool Mapping::OwnedBySystem() const {
  return owner_ == "S-1-5-18" || owner_ == "S-1-5-32-544";  // Local System, Administrators
}

bool Mapping::OwnedByCaller() const {
  const absl::StatusOr<std::string> caller = CurrentUserSid();
  return caller.ok() && owner_ == *caller;
}

}  // namespace cubby::os
