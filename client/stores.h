// The stores that processes can open here, for `cubby ls` and for those that clean up: what can be
// learned of each without creating, changing or trusting anything.
#ifndef CUBBY_CLIENT_STORES_H_
#define CUBBY_CLIENT_STORES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "os/mapping.h"
#include "os/store_names.h"
#include "table/geometry.h"

namespace cubby {

enum class StoreState {
  kServed,       // a daemon serves it
  kKept,         // it has no daemon, and is to stay for the next one
  kLeft,         // it has no daemon: one that was to remove it at its end was killed
  kUnserved,     // it has no daemon, and whether it is to stay is not known
  kRetired,      // it was shut down, but not taken away
  kHalfMade,     // its daemon is making it, or was killed then
  kDamaged,      // no process can open it
  kOtherLayout,  // of a version that this program cannot read
  kForeign,      // not a cubby store: something else has its name
  kNoMapping,    // only its lock file is there
  kUnknown,      // this process may not look
};

// "served", "half made" ...
const char* NameOf(StoreState state);

// All generations of a store are one. What is not set is not known, and `why` says why not.
struct StoreRow {
  std::string name;
  std::string owner;  // as the system writes it: a uid on Linux, a SID on Windows; "": not known
  bool own = false;   // the calling user's
  absl::optional<uint32_t> mode;
  absl::optional<uint64_t> bytes;
  absl::optional<uint64_t> entries;
  // Whether a daemon serves it, by the lock that it holds; where this process may not ask for that,
  // by the store's heartbeat.
  absl::optional<bool> has_daemon;
  uint64_t daemon_pid = 0;  // of a daemon that serves it, or served it last; 0: not known
  std::string layout;       // "5.2"; "": not known
  StoreState state = StoreState::kUnknown;
  std::string why;  // of what is not known, and of damage; ""
};

// Sorted by name. Errors as os::ListStoreNames().
absl::StatusOr<std::vector<StoreRow>> ListStores();

// The same of one store; NotFound if it has no files.
absl::StatusOr<StoreRow> LookAtRow(absl::string_view store);
// The same of one whose files are known. `has_daemon` is set if the caller knows whether it has
// one.
StoreRow LookAtRow(const os::StoreFiles& files, absl::optional<bool> has_daemon = absl::nullopt);

// How large a store is that cubbyd makes by default.
uint64_t DefaultStoreBytes();

// The files of one store. NotFound if it has none.
absl::StatusOr<os::StoreFiles> FilesOf(absl::string_view store);

// Reads the header of a store whose file has `bytes` bytes, and of which the fixed part is mapped,
// or all if it is shorter. Errors as table::ReadGeometry(); Unavailable if it is empty, as a store
// is whose daemon has begun to make it. REQUIRES: an os::FaultGuard for the mapping.
absl::StatusOr<table::Geometry> ReadHeader(const os::Mapping& mapping, uint64_t bytes);

}  // namespace cubby

#endif  // CUBBY_CLIENT_STORES_H_
