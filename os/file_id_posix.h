// The files behind a store's names: their paths, their rights, and their identity. Other processes
// can remove a name in a shared directory, and make it anew, while its file is open; the identity
// tells whether a name still leads to the same file.
#ifndef CUBBY_OS_FILE_ID_POSIX_H_
#define CUBBY_OS_FILE_ID_POSIX_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"

namespace cubby::os {

// Returns the path of the POSIX shared memory of that name, which begins with a slash.
std::string PathOf(const std::string& name);

// No other file has it while the file is open or mapped. All zero: no file.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
};

// Returns the identity of an open file.
FileId IdOf(int fd);

// True if `name`, in the directory `dir` unless it is absolute, leads to that file.
bool LeadsTo(int dir, const std::string& name, const FileId& file);

// Tells what became of a name that led to that file. NotFound if it is gone; AlreadyExists if it
// leads to another file. OK also if the system does not tell: that is no reason to give a file up.
// `path` is for the message.
absl::Status CheckLeadsTo(int dir, const std::string& name, const FileId& file,
                          const std::string& path);

// Removes the name if it leads to that file. OK also if it leads to another file or to none. Does
// not notice a change of the name between the check and the removal.
absl::Status RemoveIfLeadsTo(int dir, const std::string& name, const FileId& file);

// Gives an open file that mode, whatever the umask, and that group if it is set. `path` is for
// messages.
absl::Status LetIn(int fd, const std::string& path, uint32_t mode, absl::optional<uint32_t> group);

}  // namespace cubby::os

#endif  // CUBBY_OS_FILE_ID_POSIX_H_
