// The names of the stores that processes can open here, as the system lists them. Nothing is opened
// or changed.
//
// Linux: the files /dev/shm/cubby.*. Windows: the section objects `Local\cubby.*` of this logon
// session; a section lasts as long as a process has it open, and has no lock file.
#ifndef CUBBY_OS_STORE_NAMES_H_
#define CUBBY_OS_STORE_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace cubby::os {

// A file of a store, or on Windows its section, of which only the generation is known.
struct StoreFile {
  uint64_t generation = 0;  // of a mapping
  bool plain = true;        // a regular file that has no other names; else it is no store's
  bool own = false;         // the calling user's
  std::string owner;        // as os::Mapping::owner()
  absl::optional<uint32_t> mode;
  absl::optional<uint64_t> bytes;
  // Tell the file from others.
  uint64_t device = 0;
  uint64_t inode = 0;
};

struct StoreFiles {
  std::string store;
  std::vector<StoreFile> mappings;  // by generation; may be empty
  absl::optional<StoreFile> lock_file;
};

// Returns them by name; none if the system has no place for shared memory. Internal or
// PermissionDenied if the system does not list them.
absl::StatusOr<std::vector<StoreFiles>> ListStoreNames();

// Returns the process ids of other processes that have any of the files in their memory. On Linux
// these are the processes of this process id namespace that belong to the calling user, or all for
// root: /proc hides the memory of others. None on Windows.
std::vector<uint64_t> ProcessesThatMap(absl::Span<const StoreFile> files);

}  // namespace cubby::os

#endif  // CUBBY_OS_STORE_NAMES_H_
