// What processes that have ended left, of the calling user: stores that no living process uses,
// lock files without a store, and the FIFOs of control channels. For `cubby clean`.
//
// A store is in use if a daemon or a writer holds a seat in its lock file, or if a process that can
// be seen has its mapping in memory (os/store_names.h). A read-only program holds no seat, so one
// that cannot be seen, of another user or of another process id namespace, is not known of: it
// finds the store shut down.
//
// On Windows nothing is ever left: a store ends with the last process that has it open.
#ifndef CUBBY_CLIENT_LEFTOVERS_H_
#define CUBBY_CLIENT_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "os/channel_leftovers.h"

namespace cubby {

struct Leftover {
  std::string store;
  // For a line of text: "store 'jobs'", "lock file of store 'jobs'", "FIFO /run/...".
  std::string what;
  // "its cubbyd was killed; 12 entries".
  std::string why;
  // True if it holds what somebody may want: it was left on purpose, or what it is worth is not
  // known. Such a store is only removed if that is asked for.
  bool kept = false;
  // Set if it is a part of a control channel; a store otherwise, or its lock file.
  absl::optional<os::ChannelLeftover> channel;
};

// Returns what is left of `store`, or of all stores if that is empty; sorted by the store's name.
// Changes nothing. Errors as os::ListStoreNames() and os::FindChannelLeftovers().
absl::StatusOr<std::vector<Leftover>> FindLeftovers(const std::string& store);

// Removes it. Programs that have the store open, unseen, find it retired before its names go away.
// While it is removed, a daemon that starts waits, and then makes the store anew.
// FailedPrecondition if it is in use by now, or `kept` is not what it was; OK if it is gone.
absl::Status RemoveLeftover(const Leftover& leftover);

}  // namespace cubby

#endif  // CUBBY_CLIENT_LEFTOVERS_H_
