#include <signal.h>

#include "os/signals.h"

namespace cubby::os {
namespace {

void (*stop_function)() = nullptr;
void (*reload_function)() = nullptr;

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
  // A mask outlives exec: some launchers leave theirs.
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, signal);
  pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
}

void HandleUnlessIgnored(int signal, void (*handler)(int)) {
  struct sigaction inherited;
  if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) return;
  Handle(signal, handler);
}

}  // namespace

void OnStopRequest(void (*function)()) {
  stop_function = function;
  const auto handler = [](int) { stop_function(); };
  Handle(SIGTERM, handler);
  HandleUnlessIgnored(SIGINT, handler);
}

void OnReloadRequest(void (*function)()) {
  reload_function = function;
  HandleUnlessIgnored(SIGHUP, [](int) { reload_function(); });
}

void IgnoreFileSizeSignal() { signal(SIGXFSZ, SIG_IGN); }

}  // namespace cubby::os
