#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "program/standard_streams.h"

namespace cubby::program {
namespace {

constexpr int kLastPatienceMillis = 2000;

// Of a terminal that does not tell.
constexpr int kUsualColumns = 80;

}  // namespace

void PrepareStandardStreams() {
  // open() takes the lowest free number, so ascending order fills exactly the gaps. With O_PATH
  // both reads and writes fail.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    if (open("/dev/null", O_PATH) != fd) _exit(1);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

// ECONNRESET: standard output is a TCP socket.
int OutputError() { return errno == ECONNRESET ? EPIPE : errno; }

bool InputIsTerminal() { return isatty(STDIN_FILENO) == 1; }
bool OutputIsTerminal() { return isatty(STDOUT_FILENO) == 1; }

bool OutputIsPipe() {
  struct stat info;
  return fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
}

bool OutputHasReader() {
  struct pollfd output = {STDOUT_FILENO, 0, 0};
  return !OutputIsPipe() || poll(&output, 1, 0) <= 0 || (output.revents & (POLLERR | POLLHUP)) == 0;
}

int ErrorColumns() {
  struct winsize size;
  if (isatty(STDERR_FILENO) != 1) return 0;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

absl::optional<double> InputShareRead() {
  struct stat info;
  if (fstat(STDIN_FILENO, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
    return absl::nullopt;
  }
  const off_t read = lseek(STDIN_FILENO, 0, SEEK_CUR);
  if (read < 0) return absl::nullopt;
  return std::min(static_cast<double>(read) / static_cast<double>(info.st_size), 1.0);
}

void WriteToStandardError(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // another process made the shared description nonblocking
      struct pollfd room = {STDERR_FILENO, POLLOUT, 0};
      poll(&room, 1, /*timeout=*/-1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

// What a pipe that polls as writable takes is PIPE_BUF bytes, 4096.
void WriteLastWords(absl::string_view bytes) {
  struct pollfd room = {STDERR_FILENO, POLLOUT, 0};
  int polled;
  do {
    polled = poll(&room, 1, kLastPatienceMillis);
  } while (polled < 0 && errno == EINTR);
  if (polled != 1) return;
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
}

bool ErrorIsJournal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info;
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
  return stream == absl::StrCat(info.st_dev, ":", info.st_ino);
}

std::vector<std::string> Arguments(int argc, char** argv) {
  return argc > 1 ? std::vector<std::string>(argv + 1, argv + argc) : std::vector<std::string>();
}

std::FILE* OpenFile(const std::string& path) { return std::fopen(path.c_str(), "rbe"); }

int64_t ReadSome(std::FILE* file, char* buffer, size_t size) {
  ssize_t got;
  do {
    got = read(fileno(file), buffer, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace cubby::program
