// The control channel: it carries requests from clients to the daemon of a store, and answers back.
// It carries bytes; proto/frame.h and proto/control.proto give them a meaning. os/pipe_server.h is
// the daemon's end, os/pipe_client.h the client's.
//
//               Linux, in the runtime directory      Windows
//   requests    FIFO NAME.requests, shared by all,   \\.\pipe\cubby.NAME, duplex, message type,
//               each in an envelope that names       one instance per client
//               its reply FIFO (os/envelope_posix.h)
//   answers     FIFO NAME.reply.<16 hex digits>
//
// Both systems guarantee:
// - A request is written at once and arrives whole or not at all. Requests of several clients do
//   not mix.
// - An answer is a stream of bytes of any length.
// - Only the user who runs the daemon can connect, and only to a daemon of that user.
// - The daemon never waits for a client: it sends answers while it waits for requests, and drops an
//   answer that its client does not take by a deadline.
// - A client gets an error at once when its daemon ends, or has ended.
#ifndef CUBBY_OS_PIPE_H_
#define CUBBY_OS_PIPE_H_

#include <cstddef>

namespace cubby::os {

// On Linux, what a write of PIPE_BUF (4,096) bytes holds beside its envelope: the kernel keeps
// writes to a FIFO whole up to that size. (Writes one byte longer were seen to mix.)
inline constexpr size_t kMaxRequestBytes = 4076;

}  // namespace cubby::os

#endif  // CUBBY_OS_PIPE_H_
