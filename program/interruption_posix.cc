#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "program/interruption.h"
#include "program/standard_streams.h"

namespace cubby::program {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

absl::string_view (*last_words_function)() = nullptr;
sigset_t handled;

// Other signals wait meanwhile: timeout(1) sends two of them, to the process and to its group.
void Handle(int signal) {
  for (const int other : kSignals) {
    if (sigismember(&handled, other) == 1) ::signal(other, SIG_DFL);
  }
  const absl::string_view words = last_words_function();
  struct pollfd room = {STDERR_FILENO, POLLOUT, 0};
  // A full pipe is waited for, but not against a second signal.
  if (poll(&room, 1, /*timeout=*/0) != 1) sigprocmask(SIG_UNBLOCK, &handled, nullptr);
  WriteToStandardError(words);
  raise(signal);
}

}  // namespace

void OnInterruption(absl::string_view (*last_words)()) {
  last_words_function = last_words;
  sigemptyset(&handled);
  for (const int signal : kSignals) {
    struct sigaction inherited;
    if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaddset(&handled, signal);
  }
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_mask = handled;
  for (const int signal : kSignals) {
    if (sigismember(&handled, signal) == 1) sigaction(signal, &action, nullptr);
  }
  // A mask outlives exec: some launchers leave theirs.
  sigprocmask(SIG_UNBLOCK, &handled, nullptr);
}

}  // namespace cubby::program
