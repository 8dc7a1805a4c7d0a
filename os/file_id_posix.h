// The files behind a store's names: where they are, whom they let in, and which file a name led to,
// to tell later whether it still does: names in shared directories can be removed, and made again
// by others, while their files are open.
#ifndef CUBBY_OS_FILE_ID_POSIX_H_
#define CUBBY_OS_FILE_ID_POSIX_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"

namespace cubby::os {

// The path of the POSIX shared memory of that name, which begins with a slash.
std::string PathOf(const std::string& name);

// Nobody else's while the file is open or mapped. All zero: no file.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
};

// That of an open file.
FileId IdOf(int fd);

// True if `name`, in the directory `dir` unless it is absolute, leads to that very file.
bool LeadsTo(int dir, const std::string& name, const FileId& file);

// Takes the name away if it leads to that file. OK also if it leads elsewhere or is gone. What
// happens to the name between the look and the removal is not noticed.
absl::Status RemoveIfLeadsTo(int dir, const std::string& name, const FileId& file);

// Has an open file let in whom `mode` says, whatever the umask, with `group` for its group if that
// is set. `path` is for messages.
absl::Status LetIn(int fd, const std::string& path, uint32_t mode, absl::optional<uint32_t> group);

}  // namespace cubby::os

#endif  // CUBBY_OS_FILE_ID_POSIX_H_
