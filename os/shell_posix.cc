#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "os/descriptor_posix.h"
#include "os/errors.h"
#include "os/shell.h"

namespace cubby::os {
namespace {

// The shell that runs; 0: none.
std::atomic<pid_t> shell{0};

void PassOn(int signal) {
  const pid_t pid = shell.load();
  if (pid > 0) kill(pid, signal);
  // The handler is gone (SA_RESETHAND): this ends the process when it returns.
  raise(signal);
}

// While it lives, signals that end this process end the shell too.
class PassesSignalsOn {
 public:
  PassesSignalsOn() {
    struct sigaction action = {};
    action.sa_handler = &PassOn;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (Before& before : before_) {
      sigaction(before.signal, nullptr, &before.action);
      // One that is ignored, as under nohup, or handled, does not end this process.
      if (before.action.sa_handler == SIG_DFL) sigaction(before.signal, &action, nullptr);
    }
    // Where it is ignored, nobody learns how the shell ended.
    struct sigaction default_action = {};
    default_action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &default_action, &child_);
  }
  ~PassesSignalsOn() {
    sigaction(SIGCHLD, &child_, nullptr);
    for (const Before& before : before_) sigaction(before.signal, &before.action, nullptr);
  }
  PassesSignalsOn(const PassesSignalsOn&) = delete;
  PassesSignalsOn& operator=(const PassesSignalsOn&) = delete;

 private:
  struct Before {
    int signal;
    struct sigaction action;
  };
  Before before_[3] = {{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}};
  struct sigaction child_ = {};
};

absl::Status Error(absl::string_view what, int error) {
  errno = error;
  return LastError(what);
}

// Starts the shell with `output` as its standard output, and notes it for PassOn().
absl::Status Start(const std::string& command, int output, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  const absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  // A signal that comes before the shell is noted must not miss it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const absl::Cleanup unblock = [&before] { pthread_sigmask(SIG_SETMASK, &before, nullptr); };
  posix_spawnattr_setsigmask(&attributes, &before);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const char* const argv[] = {"sh", "-c", "--", command.c_str(), nullptr};
  const int error =
      posix_spawn(pid, "/bin/sh", &files, &attributes, const_cast<char* const*>(argv), environ);
  if (error != 0) return Error("cannot run /bin/sh", error);
  shell.store(*pid);
  return absl::OkStatus();
}

// Returns OutOfRange if there are more bytes than that.
absl::Status ReadAll(int pipe, uint64_t max_bytes, std::string* bytes) {
  char piece[1 << 16];
  while (true) {
    const ssize_t got = read(pipe, piece, sizeof(piece));
    if (got == 0) return absl::OkStatus();
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return LastError("cannot read the command's output");
    bytes->append(piece, static_cast<size_t>(got));
    if (bytes->size() > max_bytes) return TooMuchOutput(max_bytes);
  }
}

absl::Status Result(int status) {
  if (WIFSIGNALED(status)) {
    return absl::AbortedError(absl::StrCat("the command was ended by signal ", WTERMSIG(status),
                                           " (", strsignal(WTERMSIG(status)), ")"));
  }
  if (WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the command exited with ", WEXITSTATUS(status)));
}

}  // namespace

absl::Status RunShell(const std::string& command, uint64_t max_bytes, std::string* output) {
  output->clear();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return LastError("cannot make a pipe");
  Descriptor reads(ends[0]);
  Descriptor writes(ends[1]);
  const PassesSignalsOn passes;
  pid_t pid = 0;
  absl::Status result = Start(command, writes.get(), &pid);
  if (!result.ok()) return result;
  writes = Descriptor();
  result = ReadAll(reads.get(), max_bytes, output);
  reads = Descriptor();
  if (!result.ok()) kill(pid, SIGTERM);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return LastError("cannot wait for the command");
  }
  shell.store(0);
  return result.ok() ? Result(status) : result;
}

}  // namespace cubby::os
