#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "os/descriptor_posix.h"
#include "os/errors.h"
#include "os/fifo_posix.h"
#include "os/notify.h"

namespace cubby::os {

absl::Status NotifyServiceManager(absl::string_view state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr || *variable == '\0') return absl::OkStatus();
  const absl::string_view name = variable;
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (name[0] != '/' && name[0] != '@') {
    return absl::InvalidArgumentError(
        absl::StrCat("NOTIFY_SOCKET is '", name, "', not a path or '@' and a name"));
  }
  // An abstract name ends with the address, a path with a zero.
  const size_t zero = name[0] == '/' ? 1 : 0;
  if (name.size() + zero > sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("NOTIFY_SOCKET is too long: it has ",
                                                   name.size(), " bytes, the limit is ",
                                                   sizeof(address.sun_path) - zero));
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const size_t bytes = offsetof(struct sockaddr_un, sun_path) + name.size() + zero;
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const struct sockaddr*>(&address),
             static_cast<socklen_t>(bytes)) < 0) {
    return LastError(absl::StrCat("cannot send ", state, " to NOTIFY_SOCKET ", name));
  }
  return absl::OkStatus();
}

absl::Status CheckReadyDescriptor(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return absl::InvalidArgumentError("no such descriptor is open");
  if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) {
    return absl::InvalidArgumentError("that descriptor is not open for writing");
  }
  return absl::OkStatus();
}

absl::Status WriteReady(int fd) {
  constexpr absl::string_view kLine = "ready\n";
  // Not O_NONBLOCK: that would hold for every process that shares the open file.
  struct pollfd polled = {fd, POLLOUT, 0};
  const bool has_room = poll(&polled, 1, 0) == 1;
  if (!has_room) errno = EAGAIN;
  const ssize_t written = has_room ? WriteToFifo(fd, kLine) : -1;
  const absl::Status status = written == static_cast<ssize_t>(kLine.size())
                                  ? absl::OkStatus()
                                  : LastError(absl::StrCat("cannot write to descriptor ", fd));
  if (fd > STDERR_FILENO) close(fd);
  return status;
}

}  // namespace cubby::os
