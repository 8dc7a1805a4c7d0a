// Tells the program that started a daemon about the daemon's state. No call waits for that program.
#ifndef CUBBY_OS_NOTIFY_H_
#define CUBBY_OS_NOTIFY_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cubby::os {

// Sends `state`, such as "READY=1", to a service manager's socket, as sd_notify(3) does: one
// datagram to the socket that the environment variable NOTIFY_SOCKET names, a path or, after an
// '@', an abstract name. Does nothing if the variable is not set, and on Windows.
absl::Status NotifyServiceManager(absl::string_view state);

// OK if the process was started with an open descriptor of that number that can be written to.
// InvalidArgument, saying why not; on Windows always. Call it before the process opens anything.
absl::Status CheckReadyDescriptor(int fd);

// Writes the line "ready" to such a descriptor and closes it, unless it is a standard stream.
// Unavailable if its reader is gone or takes no bytes.
absl::Status WriteReady(int fd);

}  // namespace cubby::os

#endif  // CUBBY_OS_NOTIFY_H_
