#include "bench/peers/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace cubby::bench {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(1);

// Starts `argv` with `out` for what it prints. `orphan_signal` is what it gets if this process
// dies; 0: nothing.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& argv, const std::string& out,
                            int orphan_signal) {
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = getpid();
  // Not fork(): after one, the first store to each page of this process takes a page fault, even
  // when the child is long gone, and its start takes the longer the more memory this process has.
  // Until exec the child is a guest in this process's memory: system calls only.
  const pid_t pid = vfork();
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot start ", argv[0]));
  if (pid != 0) return pid;
  if (orphan_signal != 0) {
    prctl(PR_SET_PDEATHSIG, orphan_signal);
    if (getppid() != parent) _exit(127);  // it died before
  }
  const int output = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int input = open("/dev/null", O_RDONLY);
  if (output < 0 || input < 0) _exit(127);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(words[0], words.data());
  _exit(127);
}

pid_t WaitFor(pid_t pid, int* status, int options) {
  pid_t ended;
  do {
    ended = waitpid(pid, status, options);
  } while (ended < 0 && errno == EINTR);
  return ended;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const std::vector<std::string>& argv,
                                                        const std::string& log) {
  const absl::StatusOr<pid_t> pid = Spawn(argv, log, SIGTERM);
  if (!pid.ok()) return pid.status();
  return std::unique_ptr<Program>(new Program(*pid, log));
}

Program::~Program() {
  if (Ended()) return;
  kill(pid_, SIGTERM);
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!Ended() && absl::Now() < deadline) absl::SleepFor(kPause);
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  WaitFor(pid_, nullptr, 0);
}

bool Program::Ended() {
  if (pid_ != 0 && WaitFor(pid_, nullptr, WNOHANG) != 0) pid_ = 0;
  return pid_ == 0;
}

absl::Status Program::WaitUntilReady(absl::FunctionRef<absl::Status()> reach) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (true) {
    const absl::Status reached = reach();
    if (reached.ok() || absl::Now() > deadline) return reached;
    if (Ended()) {
      std::string printed = ReadFile(log_);
      if (printed.size() > 500) printed.erase(0, printed.size() - 500);
      return absl::UnavailableError(absl::StrCat("the server ended, and printed: ", printed));
    }
    absl::SleepFor(kPause);
  }
}

absl::StatusOr<absl::Duration> TimeCommand(const std::vector<std::string>& argv,
                                           const std::string& out) {
  const auto started = std::chrono::steady_clock::now();
  const absl::StatusOr<pid_t> pid = Spawn(argv, out, 0);
  if (!pid.ok()) return pid.status();
  int status = 0;
  WaitFor(*pid, &status, 0);
  const auto took = std::chrono::steady_clock::now() - started;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(argv[0], " failed"));
  }
  return absl::FromChrono(took);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace cubby::bench
