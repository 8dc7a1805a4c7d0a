// A named piece of memory that processes share: POSIX shared memory on Linux, a section object on
// Windows.
//
//   auto created = os::Mapping::Create("jobs", 1 << 20, 0600);              // in one process
//   auto opened = os::Mapping::Open("jobs", os::Access::kReadOnly);         // in another
//
// Names: store NAME is `/cubby.NAME` on Linux, `Local\cubby.NAME` on Windows. On Linux the memory
// lives until Remove() and the last unmapping; on Windows until the last process that has it open
// closes its handle.
//
// The memory is no part of the core dumps of the processes that have it open (Linux).
//
// A Mapping is movable, not copyable, and safe to read from many threads.
#ifndef CUBBY_OS_MAPPING_H_
#define CUBBY_OS_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::os {

enum class Access { kReadOnly, kReadWrite };
enum class Pages { kSmall, kHuge };

inline constexpr uint64_t kHugePageBytes = 2 << 20;

// Returns how much of a mapping of `bytes` should lie in huge pages: nothing of a small one, which
// gains little, and never its beginning. When a file is shortened, the kernel may keep the rest of
// the page with the new end readable as zeros where small pages would fault, and a store whose
// first pages are zeros looks empty.
inline constexpr uint64_t HugePageBytesOf(uint64_t bytes) {
  return bytes < 4 * kHugePageBytes ? 0 : (bytes / kHugePageBytes - 1) * kHugePageBytes;
}

// Asked between the steps of what may take long. Once it returns true, the operation gives up and
// returns Cancelled.
using Stopped = absl::FunctionRef<bool()>;
inline bool NeverStopped() { return false; }

class Mapping {
 public:
  // Makes a new mapping of `bytes` zero bytes, open for reading and writing. All of it is backed by
  // memory before this returns. `mode` holds POSIX permission bits (umask does not apply); on
  // Windows the owner's bits apply to the current user and the others' bits to Everyone. `group`
  // gets the group's bits (POSIX); by default it is the caller's own group.
  // AlreadyExists if the name is taken; ResourceExhausted, naming needed and available bytes, if
  // memory is short; PermissionDenied if the caller may not give the memory to that group.
  // With Pages::kHuge the memory lies in huge pages as far as the system has them at hand, which
  // also saves time: see UseHugePages().
  // A second or so for each GB, and more where memory is short. Leaves nothing if `stopped`.
  static absl::StatusOr<Mapping> Create(absl::string_view store, uint64_t bytes, uint32_t mode,
                                        absl::optional<uint32_t> group = absl::nullopt,
                                        Pages pages = Pages::kSmall,
                                        Stopped stopped = NeverStopped);

  // ResourceExhausted, naming needed and available bytes, if Create() would fail for want of
  // memory, even after `freed` bytes of other mappings are given back.
  static absl::Status CheckRoom(uint64_t bytes, uint64_t freed);

  // Returns a line that says so if Create() would take more memory than the processes of a memory
  // control group may use without being slowed down; "" if not, or if the system does not tell.
  static std::string RoomWarning(uint64_t bytes);

  // The error of UseHugePages() for a new mapping of `bytes`, as far as a try with one page tells.
  static absl::Status CheckHugePages(uint64_t bytes);

  // Opens all of the mapping of that name. With kReadOnly the pages are write-protected: a store
  // through data() faults. NotFound if there is none; PermissionDenied; FailedPrecondition if
  // something other than a mapping has the name, or a mapping that has other names too.
  // `at_most` bytes from the beginning are mapped, and size() is no more: for a look at a large
  // one.
  static absl::StatusOr<Mapping> Open(absl::string_view store, Access access,
                                      uint64_t at_most = std::numeric_limits<uint64_t>::max());

  // Removes the name, whatever it leads to; processes that have the mapping open keep it. OK if
  // there was none. Does nothing on Windows, where a name goes with the last handle.
  static absl::Status Remove(absl::string_view store);
  // The same, but only if the name leads to this mapping and not to a newer object.
  absl::Status Remove() const;

  // Asks the system to put HugePageBytesOf() the memory, as far as possible, into pages of
  // kHugePageBytes, for all processes that have it open or will: an access at random then takes
  // about half the time. Returns how many bytes lie in such pages now. Takes some 0.3 ms for each
  // page, 1,000 times that where the system must move other memory first, and may delay processes
  // that use the memory meanwhile for as long. REQUIRES: open for reading and writing.
  // Unimplemented if the system has no huge pages for shared memory (Linux before 6.1, Windows);
  // ResourceExhausted if memory is too fragmented for a single one.
  absl::StatusOr<uint64_t> UseHugePages(Stopped stopped = NeverStopped) const;
  // The same for one page, the one at offset `at`. REQUIRES: `at` is a multiple of kHugePageBytes,
  // from kHugePageBytes to HugePageBytesOf(size()).
  absl::Status UseHugePage(uint64_t at) const;

  // Maps all pages of the memory, so that no later access waits for the system to do it (a page
  // fault, some microseconds). Takes 2 ms for each GiB in huge pages, 50 ms in others.
  // Unimplemented on Linux before 5.14.
  absl::Status Prefault() const;

  // A default-constructed Mapping, or one that was moved from, maps nothing: data() is null and
  // size() 0. The functions below size() and the members above are for a mapping that was created
  // or opened.
  Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  char* data() const;
  size_t size() const;

  // Returns the users' rights as POSIX permission bits. On Windows the group's bits are 0, whatever
  // Create() was given: they mean nothing there.
  uint32_t mode() const;
  // Returns the group that the group's bits apply to; 0 on Windows.
  uint32_t group() const;
  // Returns what mode() of a mapping that was created with `mode` returns.
  static uint32_t ModeThatHolds(uint32_t mode);

  // True while the file that the name leads to is this mapping's and smaller than the mapping: a
  // process has truncated it. Takes one system call. Always false on Windows, where a section keeps
  // its size.
  bool Truncated() const;

  // OK while the name leads to this mapping; NotFound if another process has removed the name,
  // AlreadyExists if it leads to something else. Takes one system call. Always OK on Windows, where
  // an open mapping keeps its name.
  absl::Status CheckName() const;

  // True once the name does not lead to the memory any more: it was removed, moved or taken by
  // another file, and no process can open the mapping. Looks in the directory in which the mapping
  // was opened, whatever the caller's root directory is. Takes one system call while the name is
  // there. REQUIRES: open for reading and writing. Always false on Windows.
  bool Orphaned() const;

  // True while the directory of the names is not the one in which the mapping was opened: another
  // file system was mounted over it, and the names tell nothing of the mapping. REQUIRES: open for
  // reading and writing. Takes one system call. Always false on Windows.
  bool Hidden() const;

  // Returns the user who owns the memory, as the system writes it (a uid on Linux, a SID on
  // Windows). A store's parts must all belong to the same user.
  const std::string& owner() const;
  // True if the system does not tell who owns it: on Linux, a user whom the caller's user namespace
  // does not map. owner() stands for every such user then.
  bool OwnerIsUnknown() const;
  // True if the current user owns it.
  bool OwnedByCaller() const;
  // True if the system's administrator owns it: root on Linux; the group Administrators or the
  // system itself on Windows.
  bool OwnedBySystem() const;

 private:
  struct Impl;
  explicit Mapping(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cubby::os

#endif  // CUBBY_OS_MAPPING_H_
