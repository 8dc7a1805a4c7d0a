// The checks of `cubby doctor`: whether this machine, this user and a store are as cubby needs
// them. Each looks at one thing and yields one finding. To add one, write a function and add a line
// to a table: Checks() in doctor_checks.cc, or SystemChecks() in the file of a system.
//
// No check needs privileges, changes anything, or waits for longer than a second.
#ifndef CUBBY_CLI_DOCTOR_H_
#define CUBBY_CLI_DOCTOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "client/admin.h"
#include "client/leftovers.h"
#include "client/stores.h"

namespace cubby::cli {

enum class Level { kOk, kNote, kBad };

struct Finding {
  Level level;
  std::string seen;    // one line, with the numbers
  std::string remedy;  // one line; "" if there is nothing to do
};

// What the checks look at. Tests put something else in its place.
struct Surroundings {
  struct Space {
    uint64_t bytes;  // 0: no limit
    uint64_t free;
  };

  std::string root;          // before the paths of the system's files: "/proc/...", "/dev/shm"
  uint64_t user = 0;         // uid; 0 on Windows
  std::string store;         // of --store; "" if none is named
  uint64_t need = 0;         // bytes: of that store, or of one that cubbyd makes by default
  bool need_is_met = false;  // the store exists

  std::function<absl::optional<Space>(const std::string& directory)> space;
  std::function<absl::StatusOr<std::vector<StoreRow>>()> stores;
  std::function<absl::StatusOr<std::vector<Leftover>>()> leftovers;
  // Opens --store, for reading or for writing too.
  std::function<absl::Status(bool writing)> open_store;
  std::function<absl::StatusOr<DaemonInfo>(const std::string& store)> daemon;
};

struct Check {
  const char* name;
  Finding (*look)(const Surroundings& surroundings);
};

// Those of every system.
absl::Span<const Check> Checks();
// Those of this system; defined once for each.
absl::Span<const Check> SystemChecks();

// This machine, for the store of that name; "" for none. `owner` is whose store to trust.
Surroundings Here(const std::string& store, const std::string& owner);
// What Here() needs of the system: root, user, space.
Surroundings SystemHere();

inline Finding Ok(std::string seen) { return {Level::kOk, std::move(seen), ""}; }
inline Finding Note(std::string seen, std::string remedy) {
  return {Level::kNote, std::move(seen), std::move(remedy)};
}
inline Finding Bad(std::string seen, std::string remedy) {
  return {Level::kBad, std::move(seen), std::move(remedy)};
}
// From an error, whose message ends with what to do.
Finding FromError(Level level, const absl::Status& error);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_DOCTOR_H_
