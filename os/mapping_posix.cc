#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "os/errors.h"
#include "os/file_id_posix.h"
#include "os/mapping.h"

namespace cubby::os {
namespace {

std::string MappingName(absl::string_view store) { return absl::StrCat("/cubby.", store); }

// Backs all of the file with memory now: a tmpfs that is too small must fail here and not by a
// signal at some later store.
absl::Status Reserve(int fd, uint64_t bytes) {
  int error;
  do {
    error = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (error == EINTR);
  if (error == 0) return absl::OkStatus();
  struct statvfs space;
  if (error == ENOSPC && fstatvfs(fd, &space) == 0) {
    // What this file already took counts as available to it.
    struct stat info = {};
    fstat(fd, &info);
    const uint64_t available =
        uint64_t{space.f_bavail} * space.f_frsize + static_cast<uint64_t>(info.st_blocks) * 512;
    return absl::ResourceExhaustedError(
        absl::StrCat("the store needs ", bytes, " bytes of shared memory and /dev/shm has ",
                     available, ": enlarge it (mount -o remount,size=...) or ask for less"));
  }
  return ErrorFromCode(error, absl::StrCat("cannot reserve ", bytes, " bytes of shared memory"));
}

// MADV_COLLAPSE of Linux 6.1 and MADV_POPULATE_READ of 5.14, which the C library's headers may not
// know yet.
constexpr int kCollapse = 25;
constexpr int kPopulateRead = 22;

// Where memory is mapped, and the addresses reserved for that.
struct View {
  char* data;
  char* reserved;
  size_t reserved_bytes;
};

// Maps all `bytes` of `fd`; data is null, and errno set, if that cannot be. What is large enough
// begins at a multiple of kHugePageBytes: only there can the processor use such pages.
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
  if (slack == 0) view.reserved = view.data;
  return view;
}

}  // namespace

absl::StatusOr<Mapping> Mapping::Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t> group) {
  const std::string name = MappingName(store);
  const int fd = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return LastError(absl::StrCat("cannot create the mapping /dev/shm", name));
  absl::Cleanup close_fd = [fd] { close(fd); };
  absl::Cleanup unlink_name = [&name] { shm_unlink(name.c_str()); };
  absl::Status let_in = LetIn(fd, PathOf(name), mode, group);
  if (!let_in.ok()) return let_in;
  absl::Status reserved = Reserve(fd, bytes);
  if (!reserved.ok()) return reserved;
  const View view = Map(fd, bytes, PROT_READ | PROT_WRITE);
  if (view.data == nullptr) return LastError(absl::StrCat("cannot map ", bytes, " bytes"));
  std::move(unlink_name).Cancel();
  Mapping mapping;
  mapping.data_ = view.data;
  mapping.reserved_ = view.reserved;
  mapping.reserved_bytes_ = view.reserved_bytes;
  mapping.size_ = bytes;
  mapping.mode_ = mode;
  mapping.group_ = group.value_or(getegid());
  mapping.owner_ = absl::StrCat(geteuid());
  mapping.path_ = PathOf(name);
  const FileId id = IdOf(fd);
  mapping.device_ = id.device;
  mapping.inode_ = id.inode;
  return mapping;
}

absl::StatusOr<Mapping> Mapping::Open(absl::string_view store, Access access) {
  const std::string name = MappingName(store);
  const bool writable = access == Access::kReadWrite;
  // O_NONBLOCK: opening a FIFO that squats on the name must not wait for its writer.
  const int fd = shm_open(name.c_str(), (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0);
  if (fd < 0) return LastError(absl::StrCat("cannot open the mapping /dev/shm", name));
  absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0) return LastError(absl::StrCat("cannot look at /dev/shm", name));
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("/dev/shm", name, " is not a mapping: remove it"));
  }
  Mapping mapping;
  mapping.mode_ = info.st_mode & 0777;
  mapping.group_ = info.st_gid;
  mapping.owner_ = absl::StrCat(info.st_uid);
  mapping.path_ = PathOf(name);
  mapping.device_ = info.st_dev;
  mapping.inode_ = info.st_ino;
  mapping.size_ = static_cast<size_t>(info.st_size);
  if (mapping.size_ == 0)
    return mapping;  // cannot be mapped; whoever validates it will say that it is too short
  const View view = Map(fd, mapping.size_, writable ? PROT_READ | PROT_WRITE : PROT_READ);
  if (view.data == nullptr) return LastError(absl::StrCat("cannot map /dev/shm", name));
  mapping.data_ = view.data;
  mapping.reserved_ = view.reserved;
  mapping.reserved_bytes_ = view.reserved_bytes;
  return mapping;
}

absl::StatusOr<uint64_t> Mapping::UseHugePages() const {
  uint64_t huge = 0;
  int error = 0;
  for (size_t at = kHugePageBytes; at <= HugePageBytesOf(size_); at += kHugePageBytes) {
    if (madvise(data_ + at, kHugePageBytes, kCollapse) == 0) {
      huge += kHugePageBytes;
    } else {
      error = errno;
      if (error == EINVAL) break;  // no such advice, or not for such memory
    }
  }
  if (huge != 0 || error == 0) return huge;
  if (error == EINVAL) {
    return absl::UnimplementedError(
        "this system has no huge pages for shared memory, as Linux has from 6.1 on");
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory lies together for a page of ", kHugePageBytes >> 20, " MiB"));
}

absl::Status Mapping::Prefault() const {
  // What is mapped to be read can be written without a fault too: there is no file to write back
  // to, so the kernel does not keep account of who changes what.
  if (size_ == 0 || madvise(data_, size_, kPopulateRead) == 0) return absl::OkStatus();
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

absl::Status Mapping::Remove() const { return RemoveIfLeadsTo(AT_FDCWD, path_, {device_, inode_}); }

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mode_(other.mode_),
      group_(other.group_),
      owner_(std::move(other.owner_)),
      reserved_(std::exchange(other.reserved_, nullptr)),
      reserved_bytes_(other.reserved_bytes_),
      path_(std::move(other.path_)),
      device_(other.device_),
      inode_(other.inode_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping moved(std::move(other));  // so that what this had goes now, not when `other` does
  std::swap(data_, moved.data_);
  std::swap(size_, moved.size_);
  std::swap(mode_, moved.mode_);
  std::swap(group_, moved.group_);
  std::swap(owner_, moved.owner_);
  std::swap(reserved_, moved.reserved_);
  std::swap(reserved_bytes_, moved.reserved_bytes_);
  std::swap(path_, moved.path_);
  std::swap(device_, moved.device_);
  std::swap(inode_, moved.inode_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(reserved_, reserved_bytes_);
}

bool Mapping::Truncated() const {
  struct stat info;
  return lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_ &&
         static_cast<uint64_t>(info.st_size) < size_;
}

uint32_t Mapping::ModeThatHolds(uint32_t mode) { return mode; }

bool Mapping::OwnedBySystem() const { return owner_ == "0"; }

bool Mapping::OwnedByCaller() const { return owner_ == absl::StrCat(geteuid()); }

}  // namespace cubby::os
