#include "os/file_id_posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "os/errors.h"

namespace cubby::os {

std::string PathOf(const std::string& name) { return absl::StrCat("/dev/shm", name); }

FileId IdOf(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

bool LeadsTo(int dir, const std::string& name, const FileId& file) {
  struct stat info;
  return fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         info.st_dev == file.device && info.st_ino == file.inode;
}

absl::Status CheckLeadsTo(int dir, const std::string& name, const FileId& file,
                          const std::string& path) {
  struct stat info;
  if (fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat(path, " was removed"));
  }
  if (info.st_dev == file.device && info.st_ino == file.inode) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(path, " was removed and made anew"));
}

absl::Status RemoveIfLeadsTo(int dir, const std::string& name, const FileId& file) {
  if (!LeadsTo(dir, name, file)) return absl::OkStatus();
  if (unlinkat(dir, name.c_str(), 0) != 0 && errno != ENOENT) {
    return LastError(absl::StrCat("cannot remove ", name));
  }
  return absl::OkStatus();
}

absl::Status LetIn(int fd, const std::string& path, uint32_t mode, absl::optional<uint32_t> group) {
  // The group first: the mode's group bits never apply to another group.
  if (group.has_value() && fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    return LastError(absl::StrCat("cannot give ", path, " to group ", *group));
  }
  if (fchmod(fd, mode) != 0) return LastError(absl::StrCat("cannot set the mode of ", path));
  return absl::OkStatus();
}

}  // namespace cubby::os
