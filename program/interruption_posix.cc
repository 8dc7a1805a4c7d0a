#include <signal.h>

#include <initializer_list>

#include "program/interruption.h"

namespace cubby::program {
namespace {

void (*last_words_function)() = nullptr;

}  // namespace

void OnInterruption(void (*last_words)()) {
  last_words_function = last_words;
  struct sigaction action = {};
  // SA_RESETHAND and SA_NODEFER: the signal has its default action again, at once, also while
  // standard error takes no bytes.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  action.sa_handler = [](int signal) {
    last_words_function();
    raise(signal);
  };
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited;
    if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
    sigaddset(&handled, signal);
  }
  // A mask outlives exec: some launchers leave theirs.
  sigprocmask(SIG_UNBLOCK, &handled, nullptr);
}

}  // namespace cubby::program
