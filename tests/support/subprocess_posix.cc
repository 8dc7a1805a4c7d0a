#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "os/errors.h"
#include "tests/support/subprocess_os.h"

namespace cubby::test {
namespace {

// The parent's environment, with `added` in place of variables of the same names.
std::vector<std::string> EnvironmentWith(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& addition) {
      return absl::StartsWith(*variable, absl::StrCat(addition.first, "="));
    });
    if (!replaced) all.emplace_back(*variable);
  }
  for (const auto& [name, value] : added) all.push_back(absl::StrCat(name, "=", value));
  return all;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Pipe {
  PipeEnd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return os::LastError("cannot make a pipe");
  return Pipe{PipeEnd(ends[0]), PipeEnd(ends[1])};
}

class PosixProcess final : public OsProcess {
 public:
  PosixProcess(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  ~PosixProcess() override { close(pidfd_); }

  bool WaitUntil(absl::Time deadline) override {
    struct pollfd ended = {pidfd_, POLLIN, 0};
    for (;;) {
      // Rounded up, or the last millisecond would be a busy loop.
      const absl::Duration left =
          std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Milliseconds(INT_MAX));
      const int ready = poll(
          &ended, 1,
          static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)))));
      if (ready > 0) break;
      if (ready == 0 && absl::Now() >= deadline) return false;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (!reaped_) reaped_ = waitpid(pid_, &status_, 0) == pid_;
    return true;
  }

  int ExitCode() override {
    std::lock_guard<std::mutex> lock(mutex_);
    return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  }

  void Kill() override { Signal(SIGKILL); }
  void Interrupt() override { Signal(SIGTERM); }
  uint64_t pid() const override { return static_cast<uint64_t>(pid_); }

 private:
  void Signal(int signal) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!reaped_) kill(pid_, signal);  // once it is reaped, the number may be another's
  }

  const pid_t pid_;
  const int pidfd_;
  std::mutex mutex_;
  bool reaped_ = false;  // guarded by mutex_, as is status_
  int status_ = 0;
};

}  // namespace

char PathListSeparator() { return ':'; }
absl::string_view ProgramSuffix() { return ""; }

PipeEnd::~PipeEnd() {
  if (handle_ != kNone) close(static_cast<int>(handle_));
}

size_t PipeEnd::Read(char* buffer, size_t size) {
  ssize_t got;
  do {
    got = read(static_cast<int>(handle_), buffer, size);
  } while (got < 0 && errno == EINTR);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

void PipeEnd::Write(absl::string_view bytes) {
  // A child that ends without reading all makes the rest unwanted, not the test's death. Blocked
  // for this thread, which only writes; a pending signal goes with it.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  while (!bytes.empty()) {
    const ssize_t wrote = write(static_cast<int>(handle_), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
}

absl::StatusOr<std::unique_ptr<OsProcess>> OsProcess::Start(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& environment, Streams* streams) {
  absl::StatusOr<Pipe> in = MakePipe(), out = MakePipe(), err = MakePipe();
  if (!in.ok()) return in.status();
  if (!out.ok()) return out.status();
  if (!err.ok()) return err.status();

  // Not fork(): the test may have threads, and its fork handlers are not to be run for a process
  // that only executes.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  absl::Cleanup destroy = [&actions] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_adddup2(&actions, static_cast<int>(in->read.handle()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, static_cast<int>(out->write.handle()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, static_cast<int>(err->write.handle()), STDERR_FILENO);

  const std::vector<std::string> variables = EnvironmentWith(environment);
  pid_t pid;
  const int error = posix_spawn(&pid, argv[0].c_str(), &actions, nullptr, Pointers(argv).data(),
                                Pointers(variables).data());
  if (error != 0) return os::ErrorFromCode(error, absl::StrCat("cannot start ", argv[0]));
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    absl::Status status = os::LastError("cannot watch a child process");
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  *streams = {std::move(in->write), std::move(out->read), std::move(err->read)};
  return std::make_unique<PosixProcess>(pid, pidfd);
}

std::string SelfPath() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace cubby::test
