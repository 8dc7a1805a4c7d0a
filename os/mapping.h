// A named piece of memory that processes share: POSIX shared memory on Linux, a section object on
// Windows.
//
//   auto created = os::Mapping::Create("jobs", 1 << 20, 0600);              // in one process
//   auto opened = os::Mapping::Open("jobs", os::Access::kReadOnly);         // in another
//
// Names: store NAME is `/cubby.NAME` on Linux, `Local\cubby.NAME` on Windows. On Linux the memory
// lives until Remove() and the last unmapping; on Windows until the last handle closes, whoever's
// it is.
//
// A Mapping is movable, not copyable, and safe to read from many threads.
#ifndef CUBBY_OS_MAPPING_H_
#define CUBBY_OS_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::os {

enum class Access { kReadOnly, kReadWrite };

inline constexpr uint64_t kHugePageBytes = 2 << 20;

// How much of a mapping of `bytes` is to lie in such pages: nothing of a small one, which gains
// little, and never its beginning. Of a page that a file's new end lies in, the kernel may leave
// the rest to be read, as zeros, where small ones would give a fault; and a store whose first pages
// are zeros looks empty.
inline constexpr uint64_t HugePageBytesOf(uint64_t bytes) {
  return bytes < 4 * kHugePageBytes ? 0 : (bytes / kHugePageBytes - 1) * kHugePageBytes;
}

class Mapping {
 public:
  // Makes a new mapping of `bytes` zero bytes, all of them backed by memory before it returns, open
  // for read and write. `mode` holds POSIX permission bits (umask does not apply); on Windows the
  // owner's bits go to the current user and the others' bits to Everyone. `group` is whom the
  // group's bits are for (POSIX), else the caller's own. AlreadyExists if the name is taken;
  // ResourceExhausted, naming needed and available bytes, if memory is short; PermissionDenied if
  // the caller may not give it to that group.
  static absl::StatusOr<Mapping> Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t> group = absl::nullopt);

  // Opens the mapping of that name, whole. With kReadOnly the pages are write-protected: a store
  // through data() faults. NotFound if there is none; PermissionDenied; FailedPrecondition if
  // something else than a mapping has the name.
  static absl::StatusOr<Mapping> Open(absl::string_view store, Access access);

  // Takes the name away, whatever it leads to; those who have the mapping open keep it. OK if there
  // was none. On Windows a name goes only with the last handle, so there it does nothing.
  static absl::Status Remove(absl::string_view store);
  // The same, but only if the name leads to this mapping: what others have put in its place since
  // is theirs.
  absl::Status Remove() const;

  // Has the system put HugePageBytesOf() the memory, as far as it can, into pages of
  // kHugePageBytes, for all who have it open or will: a look at a random place then takes about
  // half the time. Returns how many bytes lie in such pages now. Takes some 0.3 ms for each page,
  // and may hold up those who use the memory meanwhile for as long. Unimplemented if the system has
  // none for shared memory (Linux before 6.1, Windows), ResourceExhausted if memory is in too many
  // pieces for a single one. REQUIRES: open for read and write.
  absl::StatusOr<uint64_t> UseHugePages() const;

  // Maps all pages of the memory, so that no access waits for the system to do that later (a page
  // fault, some microseconds). Takes 2 ms for each GiB in huge pages, 50 ms in others.
  // Unimplemented on Linux before 5.14.
  absl::Status Prefault() const;

  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // Null, and size 0, after a move.
  char* data() const { return data_; }
  size_t size() const { return size_; }

  // Who may use the memory, as POSIX permission bits. On Windows the group's are 0, whatever
  // Create() was told: they mean nothing there.
  uint32_t mode() const { return mode_; }
  // Whom the group's bits are for. 0 on Windows.
  uint32_t group() const { return group_; }
  // What mode() is of a mapping that was created with `mode`.
  static uint32_t ModeThatHolds(uint32_t mode);

  // True while its file, at the name that it was opened by, is smaller than what is mapped:
  // somebody has truncated it. One system call. Never on Windows, where a section keeps its size.
  bool Truncated() const;

  // The user who owns the memory, as the system writes it (a uid on Linux, a SID on Windows). A
  // store whose parts belong to different users is not one store.
  const std::string& owner() const { return owner_; }
  // True if the current user owns it.
  bool OwnedByCaller() const;
  // True if the system's administrator owns it: root, or the group Administrators or the system
  // itself on Windows.
  bool OwnedBySystem() const;

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  uint32_t mode_ = 0;
  uint32_t group_ = 0;
  std::string owner_;
  // Linux: the addresses that it takes, which are more than the memory's; the file's name, and its
  // device and inode.
  [[maybe_unused]] char* reserved_ = nullptr;
  [[maybe_unused]] size_t reserved_bytes_ = 0;
  std::string path_;
  [[maybe_unused]] uint64_t device_ = 0;
  [[maybe_unused]] uint64_t inode_ = 0;
  // Windows: the section, whose handle keeps the name alive.
  [[maybe_unused]] void* handle_ = nullptr;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_MAPPING_H_
