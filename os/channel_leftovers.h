// What processes that were killed left of control channels (os/pipe.h): on Linux FIFOs in the
// calling user's runtime directory. Windows has none, since a pipe ends with its process.
#ifndef CUBBY_OS_CHANNEL_LEFTOVERS_H_
#define CUBBY_OS_CHANNEL_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cubby::os {

struct ChannelLeftover {
  std::string store;
  std::string path;
  std::string file;  // its name in the runtime directory
  std::string why;   // it is a leftover
};

// Returns them, sorted. A reply FIFO is one after a minute: until then its client may be about to
// open it. None if there is no runtime directory. Errors as OpenRuntimeDir()
// (os/runtime_dir_posix.h).
absl::StatusOr<std::vector<ChannelLeftover>> FindChannelLeftovers();

// Removes it, unless a process reads it by now. OK if it is gone. FailedPrecondition if a process
// reads it, or something else has the name.
absl::Status RemoveChannelLeftover(const ChannelLeftover& leftover);

}  // namespace cubby::os

#endif  // CUBBY_OS_CHANNEL_LEFTOVERS_H_
