#include "os/fifo_posix.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "os/clock.h"
#include "os/errors.h"

namespace cubby::os {
namespace {

constexpr size_t kReplyDigits = 16;

std::string ReplyFifoPrefix(absl::string_view store) { return absl::StrCat(store, ".reply."); }

// OK if `info` describes a FIFO that only this user can have made and that has no other name.
absl::Status CheckOwnFifo(const struct stat& info, absl::string_view path) {
  if (!S_ISFIFO(info.st_mode) || info.st_nlink > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a FIFO of its own: remove it"));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(absl::StrCat("the FIFO ", path, " belongs to uid ",
                                                    info.st_uid, ", not to you: remove it"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string RequestFifoName(absl::string_view store) { return absl::StrCat(store, ".requests"); }
std::string OldRequestFifoName(absl::string_view store) { return absl::StrCat(store, ".control"); }
std::string ReplyFifoName(absl::string_view store, uint64_t reply_to) {
  return absl::StrCat(ReplyFifoPrefix(store), absl::Hex(reply_to, absl::kZeroPad16));
}

bool IsReplyFifoName(absl::string_view store, absl::string_view file) {
  if (!absl::ConsumePrefix(&file, ReplyFifoPrefix(store)) || file.size() != kReplyDigits) {
    return false;
  }
  return std::all_of(file.begin(), file.end(), absl::ascii_isxdigit);
}

absl::StatusOr<Descriptor> OpenFifo(const RuntimeDir& dir, const std::string& name, int access) {
  const std::string path = absl::StrCat(dir.path, "/", name);
  Descriptor fifo(openat(dir.fd.get(), name.c_str(), access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo.valid()) {
    if (errno == ENXIO) return fifo;
    return LastError(absl::StrCat("cannot open ", path));
  }
  struct stat info;
  if (fstat(fifo.get(), &info) != 0) return LastError(absl::StrCat("cannot look at ", path));
  RETURN_IF_ERROR(CheckOwnFifo(info, path));
  return fifo;
}

absl::Status MakeFifo(const RuntimeDir& dir, const std::string& name) {
  // The second for a umask that takes the user's own rights.
  if (mkfifoat(dir.fd.get(), name.c_str(), 0600) != 0 ||
      fchmodat(dir.fd.get(), name.c_str(), 0600, 0) != 0) {
    return LastError(absl::StrCat("cannot make the FIFO ", dir.path, "/", name));
  }
  return absl::OkStatus();
}

bool IsUnread(const RuntimeDir& dir, const std::string& name, absl::Duration age) {
  struct stat info;
  if (fstatat(dir.fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
  const absl::Duration used = absl::DurationFromTimespec(info.st_mtim);
  if (absl::Nanoseconds(UnixNanos()) - used < age) return false;
  const absl::StatusOr<Descriptor> writer = OpenFifo(dir, name, O_WRONLY);
  return writer.ok() && !writer->valid();
}

absl::Status RemoveOwnFifo(const RuntimeDir& dir, const std::string& name) {
  const std::string path = absl::StrCat(dir.path, "/", name);
  struct stat info;
  if (fstatat(dir.fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? absl::OkStatus() : LastError(absl::StrCat("cannot look at ", path));
  }
  RETURN_IF_ERROR(CheckOwnFifo(info, path));
  if (unlinkat(dir.fd.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return LastError(absl::StrCat("cannot remove the old ", path));
  }
  return absl::OkStatus();
}

ssize_t WriteToFifo(int fd, absl::string_view bytes) {
  sigset_t broken_pipe, before, pending;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  sigemptyset(&pending);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  const ssize_t written = write(fd, bytes.data(), bytes.size());
  const int error = errno;
  // Takes back the signal that the write raised, unless one was pending before: then the two are
  // one.
  if (written < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const struct timespec no_time = {};
    while (sigtimedwait(&broken_pipe, nullptr, &no_time) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

int PollTimeout(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return -1;
  const int64_t millis = absl::ToInt64Milliseconds(left + absl::Milliseconds(1));
  return static_cast<int>(std::min<int64_t>(millis, INT_MAX));
}

}  // namespace cubby::os
