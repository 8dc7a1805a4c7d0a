// The FIFOs of a control channel (os/pipe.h): their names, and how both ends open and use them.
#ifndef CUBBY_OS_FIFO_POSIX_H_
#define CUBBY_OS_FIFO_POSIX_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "os/descriptor_posix.h"
#include "os/runtime_dir_posix.h"

namespace cubby::os {

// A FIFO's size unless a program changes it, so one read of so many bytes usually empties it.
inline constexpr size_t kFifoBytes = 64 << 10;

std::string RequestFifoName(absl::string_view store);
// The name of the request FIFO in control protocol 1, whose requests have no envelopes. A name of
// its own for each form of request lets a client find out which one a daemon reads.
std::string OldRequestFifoName(absl::string_view store);
std::string ReplyFifoName(absl::string_view store, uint64_t reply_to);
// True if ReplyFifoName() of that store can return `file`.
bool IsReplyFifoName(absl::string_view store, absl::string_view file);

// Opens a FIFO in `dir` for reading (O_RDONLY) or writing (O_WRONLY), without waiting for its other
// end. Returns OK with an invalid Descriptor if it is opened for writing and has no reader (ENXIO).
// NotFound; FailedPrecondition if it is not a FIFO with one name; PermissionDenied if it is another
// user's.
absl::StatusOr<Descriptor> OpenFifo(const RuntimeDir& dir, const std::string& name, int access);

// Makes a FIFO that this user alone can open, whatever the process's umask. NotFound if another
// process has removed it at once.
absl::Status MakeFifo(const RuntimeDir& dir, const std::string& name);

// How long a reply FIFO has not been used before it can be taken for a killed client's: one that is
// about to open the FIFO that it has made is alive.
inline constexpr absl::Duration kLeftoverAge = absl::Minutes(1);

// True if `name` is a FIFO that OpenFifo() would open, that no process reads, and that has not been
// used for `age`.
bool IsUnread(const RuntimeDir& dir, const std::string& name, absl::Duration age);

// Removes `name` if it is a FIFO that OpenFifo() would open. OK if there is none; else the error is
// that of OpenFifo().
absl::Status RemoveOwnFifo(const RuntimeDir& dir, const std::string& name);

// Calls write(2), but returns EPIPE without a signal if there is no reader, whatever the process
// does about SIGPIPE.
ssize_t WriteToFifo(int fd, absl::string_view bytes);

// Returns the timeout for poll(2): rounded up, so that a loop does not spin before its deadline; -1
// for InfiniteDuration().
int PollTimeout(absl::Duration left);

}  // namespace cubby::os

#endif  // CUBBY_OS_FIFO_POSIX_H_
