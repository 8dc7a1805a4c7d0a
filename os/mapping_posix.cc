#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "os/deadline.h"
#include "os/descriptor_posix.h"
#include "os/errors.h"
#include "os/file_id_posix.h"
#include "os/mapping.h"
#include "os/memory_group_posix.h"
#include "os/user_posix.h"

namespace cubby::os {
namespace {

std::string MappingName(absl::string_view store) { return absl::StrCat("/cubby.", store); }

bool Is(const FileId& file, const struct stat& info) {
  return info.st_dev == file.device && info.st_ino == file.inode;
}

absl::Status NotAMapping(const std::string& name) {
  return absl::FailedPreconditionError(
      absl::StrCat("/dev/shm", name, " is not a mapping: remove it"));
}

constexpr char kSharedMemory[] = "/dev/shm";
// What counts towards a memory control group beside a mapping: page tables, the kernel's index of
// the file's pages (each 1/512 or less), and the program itself.
constexpr uint64_t kBytesPerOwnByte = 256;
constexpr uint64_t kProgramBytes = 4 << 20;
constexpr absl::Duration kSizePatience = absl::Milliseconds(100);

// MADV_COLLAPSE of Linux 6.1 and MADV_POPULATE_READ of 5.14, which the C library's headers may not
// know yet.
constexpr int kCollapse = 25;
constexpr int kPopulateRead = 22;

// How fast huge pages must come for a new mapping to wait for them. A machine has them at some
// 20 GB/s; one whose memory is in pieces, or given to it by its host only now, at 0.5.
constexpr double kHugeBytesPerSecond = 4e9;

// How much memory is asked for at once. More could keep a process from noticing that it is to stop.
constexpr uint64_t kBytesAtOnce = 8 * kHugePageBytes;

int Allocate(int fd, uint64_t from, uint64_t bytes) {
  int error;
  do {
    error = posix_fallocate(fd, static_cast<off_t>(from), static_cast<off_t>(bytes));
  } while (error == EINTR);
  return error;
}

// Gives a file that has no memory yet as much as there is, and as comes fast, in huge pages. The
// kernel makes one directly, without small ones first, where the file has a single small page.
void AllocateHugePages(int fd, const Mapping& mapping, Stopped stopped) {
  const uint64_t end = HugePageBytesOf(mapping.size());
  const Deadline patience(absl::Seconds(static_cast<double>(end) / kHugeBytesPerSecond));
  for (uint64_t at = kHugePageBytes; at < end + kHugePageBytes && !patience.Passed() && !stopped();
       at += kBytesAtOnce) {
    const uint64_t bytes = std::min(kBytesAtOnce, end + kHugePageBytes - at);
    for (uint64_t page = at; page < at + bytes; page += kHugePageBytes) {
      if (Allocate(fd, page, 1) != 0) return;
    }
    if (madvise(mapping.data() + at, bytes, kCollapse) != 0) return;
  }
}

uint64_t WithPageTables(uint64_t bytes) { return bytes + bytes / kBytesPerOwnByte + kProgramBytes; }

// What shm_open() has failed with. Names the user whose mapping it is if that is why.
absl::Status NotOpened(const std::string& name, Access access) {
  const int error = errno;
  // A socket, a directory (which shm_open() reports as EINVAL), a link.
  if (error == ENXIO || error == EINVAL || error == EISDIR || error == ELOOP) {
    return NotAMapping(name);
  }
  const std::string path = PathOf(name);
  struct stat info;
  const bool others = error == EACCES && lstat(path.c_str(), &info) == 0;
  const bool readable = access == Access::kReadWrite && error == EACCES &&
                        faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
  return ErrorFromCode(error, absl::StrCat("cannot open the mapping ", path,
                                           others ? absl::StrCat(" of uid ", info.st_uid) : "",
                                           readable ? " for writing" : ""));
}

// What Map() has failed with.
absl::Status NotMapped(const std::string& what) {
  const int error = errno;
  const absl::Status failed = ErrorFromCode(error, absl::StrCat("cannot map ", what));
  return error == ENOMEM ? WithRemedy(failed, "allow more address space (ulimit -v)") : failed;
}

// Backs all of the file with memory now: a tmpfs that is too small must fail here and not with a
// signal at a later store.
absl::Status Reserve(int fd, uint64_t bytes, Stopped stopped) {
  int error = 0;
  for (uint64_t at = 0; at < bytes && error == 0; at += kBytesAtOnce) {
    if (stopped()) return absl::CancelledError("stopped while it was made");
    error = Allocate(fd, at, std::min(kBytesAtOnce, bytes - at));
  }
  if (error == 0) return absl::OkStatus();
  // Memory that the file already has counts as available to it.
  struct stat info = {};
  fstat(fd, &info);
  if (error == ENOSPC) {
    RETURN_IF_ERROR(
        Mapping::CheckRoom(bytes, /*freed=*/static_cast<uint64_t>(info.st_blocks) * 512));
  }
  return ErrorFromCode(error, absl::StrCat("cannot reserve ", bytes, " bytes of shared memory"));
}

// Where memory is mapped, and the addresses reserved for that.
struct View {
  char* data;
  char* reserved;
  size_t reserved_bytes;
};

// Maps all `bytes` of `fd`; on error data is null and errno set. A large mapping begins at a
// multiple of kHugePageBytes: only there can the processor use such pages.
View Map(int fd, size_t bytes, int protection) {
  const size_t slack = bytes < kHugePageBytes ? 0 : kHugePageBytes - 1;
  View view = {nullptr, nullptr, bytes + slack};
  void* fixed = nullptr;
  if (slack != 0) {
    fixed = mmap(nullptr, view.reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fixed == MAP_FAILED) return view;
    view.reserved = static_cast<char*>(fixed);
    fixed = view.reserved + (-reinterpret_cast<uintptr_t>(fixed) & slack);
  }
  void* const data =
      mmap(fixed, bytes, protection, MAP_SHARED | (slack != 0 ? MAP_FIXED : 0), fd, 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    if (slack != 0) munmap(view.reserved, view.reserved_bytes);
    errno = error;
    return view;
  }
  view.data = static_cast<char*>(data);
  // The kernel leaves it out of core dumps by itself only while the file has a name. Where the
  // advice is unknown, the mapping is the same.
  madvise(data, bytes, MADV_DONTDUMP);
  if (slack == 0) view.reserved = view.data;
  return view;
}

}  // namespace

struct Mapping::Impl {
  ~Impl() {
    if (view.data != nullptr) munmap(view.reserved, view.reserved_bytes);
  }
  // Keeps what Orphaned() looks at.
  void Watch(Descriptor file_open, const std::string& shm_name) {
    fd = std::move(file_open);
    name = shm_name.substr(1);
    dir = Descriptor(open(kSharedMemory, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (dir.valid()) dir_file = IdOf(dir.get());
  }

  View view = {};
  // If open for writing, the file, and the directory of its name and the name in it: whatever the
  // process's root directory becomes.
  Descriptor fd;
  Descriptor dir;
  FileId dir_file;
  std::string name;
  size_t size = 0;
  uint32_t mode = 0;
  uint32_t group = 0;
  uid_t uid = 0;
  std::string owner;  // the uid, as text
  std::string path;
  FileId file;
};

std::string Mapping::RoomWarning(uint64_t bytes) {
  const absl::optional<MemoryGroup> group = TightestMemoryGroup(GroupLimit::kHigh);
  const uint64_t needed = WithPageTables(bytes);
  if (!group.has_value() || needed <= group->available) return "";
  return absl::StrCat("the store needs ", needed,
                      " bytes with its page tables, and the memory control group ", group->path,
                      " has ", group->available, " of its memory.high of ", group->limit,
                      ", beyond which the kernel slows its processes down: raise that or ask for "
                      "less");
}

absl::Status Mapping::CheckHugePages(uint64_t bytes) {
  if (HugePageBytesOf(bytes) == 0) return absl::OkStatus();
  constexpr uint64_t kProbeBytes = 2 * kHugePageBytes;
  const Descriptor file(open(kSharedMemory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  // Where no probe can be made, the store itself has to tell.
  if (!file.valid() || ftruncate(file.get(), kProbeBytes) != 0) return absl::OkStatus();
  auto impl = std::make_unique<Impl>();
  impl->view = Map(file.get(), kProbeBytes, PROT_READ | PROT_WRITE);
  if (impl->view.data == nullptr || Allocate(file.get(), 0, 1) != 0) return absl::OkStatus();
  impl->size = kProbeBytes;
  return Mapping(std::move(impl)).UseHugePage(0);
}

absl::Status Mapping::CheckRoom(uint64_t bytes, uint64_t freed) {
  struct statvfs space;
  // Without blocks it has no limit.
  if (statvfs(kSharedMemory, &space) == 0 && space.f_blocks != 0) {
    const uint64_t available = uint64_t{space.f_bavail} * space.f_frsize + freed;
    if (bytes > available) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the store needs ", bytes, " bytes of shared memory and ", kSharedMemory, " has ",
          available, ": enlarge it (mount -o remount,size=...) or ask for less"));
    }
  }
  const absl::optional<MemoryGroup> group = TightestMemoryGroup(GroupLimit::kMost);
  if (!group.has_value()) return absl::OkStatus();
  const uint64_t available =
      std::min(group->available + freed, std::max(group->limit, group->available));
  const uint64_t needed = WithPageTables(bytes);
  if (needed <= available) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the store needs ", needed, " bytes with its page tables, and the memory control group ",
      group->path, " has ", available, " of its limit of ", group->limit,
      ": raise the limit or ask for less"));
}

absl::StatusOr<Mapping> Mapping::Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t> group, Pages pages,
                                        Stopped stopped) {
  const std::string name = MappingName(store);
  Descriptor file(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  if (!file.valid()) return LastError(absl::StrCat("cannot create the mapping /dev/shm", name));
  const int fd = file.get();
  absl::Cleanup unlink_name = [&name] { shm_unlink(name.c_str()); };
  // Before anything that takes time, so that a process that opens it finds zeros: half made.
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return LastError(absl::StrCat("cannot make ", PathOf(name), " ", bytes, " bytes long"));
  }
  RETURN_IF_ERROR(LetIn(fd, PathOf(name), mode, group));
  RETURN_IF_ERROR(CheckRoom(bytes, /*freed=*/0));
  auto impl = std::make_unique<Impl>();
  impl->view = Map(fd, bytes, PROT_READ | PROT_WRITE);
  if (impl->view.data == nullptr) return NotMapped(absl::StrCat(bytes, " bytes"));
  impl->size = bytes;
  impl->mode = mode;
  impl->group = group.value_or(getegid());
  impl->uid = geteuid();
  impl->owner = absl::StrCat(impl->uid);
  impl->path = PathOf(name);
  impl->file = IdOf(fd);
  impl->Watch(std::move(file), name);
  Mapping mapping(std::move(impl));
  if (pages == Pages::kHuge) AllocateHugePages(fd, mapping, stopped);
  RETURN_IF_ERROR(Reserve(fd, bytes, stopped));
  std::move(unlink_name).Cancel();
  return mapping;
}

absl::StatusOr<Mapping> Mapping::Open(absl::string_view store, Access access, uint64_t at_most) {
  const std::string name = MappingName(store);
  const bool writable = access == Access::kReadWrite;
  // O_NONBLOCK: opening a FIFO that has the name must not wait for its writer.
  Descriptor file(shm_open(name.c_str(), (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0));
  if (!file.valid()) return NotOpened(name, access);
  const int fd = file.get();
  struct stat info;
  // One that is being made has no bytes for some microseconds.
  const Deadline patience(kSizePatience);
  for (;;) {
    if (fstat(fd, &info) != 0) return LastError(absl::StrCat("cannot look at /dev/shm", name));
    if (!S_ISREG(info.st_mode) || info.st_size != 0 || patience.Passed()) break;
    absl::SleepFor(absl::Milliseconds(1));
  }
  if (!S_ISREG(info.st_mode)) return NotAMapping(name);
  if (info.st_nlink == 0) {
    return absl::NotFoundError(absl::StrCat("/dev/shm", name, " was removed just now"));
  }
  // It may be the mapping of another store, whose writers hold seats in another lock file.
  if (info.st_nlink > 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "/dev/shm", name, " is a file with other names (hard links): remove all but the store's"));
  }
  auto impl = std::make_unique<Impl>();
  impl->size = std::min(static_cast<uint64_t>(info.st_size), at_most);
  impl->mode = info.st_mode & 0777;
  impl->group = info.st_gid;
  impl->uid = info.st_uid;
  impl->owner = absl::StrCat(impl->uid);
  impl->path = PathOf(name);
  impl->file = {info.st_dev, info.st_ino};
  // An empty file cannot be mapped; the caller's validation finds that it is too short.
  if (impl->size == 0) return Mapping(std::move(impl));
  impl->view = Map(fd, impl->size, writable ? PROT_READ | PROT_WRITE : PROT_READ);
  if (impl->view.data == nullptr) return NotMapped(PathOf(name));
  if (writable) impl->Watch(std::move(file), name);
  return Mapping(std::move(impl));
}

absl::Status Mapping::UseHugePage(uint64_t at) const {
  if (madvise(data() + at, kHugePageBytes, kCollapse) == 0) return absl::OkStatus();
  if (errno == EINVAL) {  // no such advice, or not for such memory
    return absl::UnimplementedError(
        "this system has no huge pages for shared memory, as Linux has from 6.1 on");
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory lies together for a page of ", kHugePageBytes >> 20, " MiB"));
}

absl::StatusOr<uint64_t> Mapping::UseHugePages(Stopped stopped) const {
  uint64_t huge = 0;
  absl::Status failed;
  for (uint64_t at = kHugePageBytes; at <= HugePageBytesOf(size()); at += kHugePageBytes) {
    if (stopped()) return absl::CancelledError("stopped while its memory was moved");
    const absl::Status used = UseHugePage(at);
    if (used.ok()) huge += kHugePageBytes;
    failed.Update(used);
    if (absl::IsUnimplemented(used)) break;
  }
  if (huge != 0 || failed.ok()) return huge;
  return failed;
}

absl::Status Mapping::Prefault() const {
  // A page that is mapped for a read can be written without a fault too: there is no disk to write
  // back to, so the kernel does not track which pages change.
  if (size() == 0 || madvise(data(), size(), kPopulateRead) == 0) return absl::OkStatus();
  if (errno == EINVAL) {
    return absl::UnimplementedError(
        "this system cannot prefault shared memory, as Linux can from 5.14 on: open it without");
  }
  return LastError("cannot prefault");
}

absl::Status Mapping::Remove(absl::string_view store) {
  if (shm_unlink(MappingName(store).c_str()) != 0 && errno != ENOENT) {
    return LastError(absl::StrCat("cannot remove the mapping /dev/shm", MappingName(store)));
  }
  return absl::OkStatus();
}

absl::Status Mapping::Remove() const { return RemoveIfLeadsTo(AT_FDCWD, impl_->path, impl_->file); }

Mapping::Mapping() = default;
Mapping::Mapping(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mapping::Mapping(Mapping&& other) noexcept = default;
Mapping& Mapping::operator=(Mapping&& other) noexcept = default;
Mapping::~Mapping() = default;

char* Mapping::data() const { return impl_ == nullptr ? nullptr : impl_->view.data; }
size_t Mapping::size() const { return impl_ == nullptr ? 0 : impl_->size; }
uint32_t Mapping::mode() const { return impl_->mode; }
uint32_t Mapping::group() const { return impl_->group; }
const std::string& Mapping::owner() const { return impl_->owner; }

bool Mapping::Truncated() const {
  struct stat info;
  return lstat(impl_->path.c_str(), &info) == 0 && Is(impl_->file, info) &&
         static_cast<uint64_t>(info.st_size) < impl_->size;
}

absl::Status Mapping::CheckName() const {
  return CheckLeadsTo(AT_FDCWD, impl_->path, impl_->file, impl_->path);
}

bool Mapping::Hidden() const {
  struct stat info;
  return impl_->dir.valid() && stat(kSharedMemory, &info) == 0 && !Is(impl_->dir_file, info);
}

bool Mapping::Orphaned() const {
  struct stat info;
  const int failed =
      fstatat(impl_->dir.get(), impl_->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
  if (failed == 0 && Is(impl_->file, info)) return false;
  // A program that closes all descriptors, as some do after a fork, may have given the numbers to
  // other files.
  if ((failed == 0 || failed == ENOENT) && fstat(impl_->dir.get(), &info) == 0 &&
      Is(impl_->dir_file, info)) {
    return true;
  }
  if (fstat(impl_->fd.get(), &info) == 0 && Is(impl_->file, info)) return info.st_nlink == 0;
  // Neither descriptor is left: by the paths, if they are those of the directory.
  if (stat(kSharedMemory, &info) != 0 || !Is(impl_->dir_file, info)) return false;
  if (lstat(impl_->path.c_str(), &info) != 0) return errno == ENOENT;
  return !Is(impl_->file, info);
}

uint32_t Mapping::ModeThatHolds(uint32_t mode) { return mode; }

bool Mapping::OwnedBySystem() const { return impl_->uid == 0; }

bool Mapping::OwnerIsUnknown() const { return IsUnmappedUser(impl_->uid); }

bool Mapping::OwnedByCaller() const { return impl_->uid == geteuid() && !OwnerIsUnknown(); }

}  // namespace cubby::os
