#include <signal.h>

#include <initializer_list>

#include "os/signals.h"

namespace cubby::os {
namespace {

void (*stop_function)() = nullptr;

}  // namespace

void OnStopRequest(void (*function)()) {
  stop_function = function;
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_function(); };
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  for (int signal : {SIGINT, SIGHUP}) {
    struct sigaction inherited;
    if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

void IgnoreFileSizeSignal() { signal(SIGXFSZ, SIG_IGN); }

}  // namespace cubby::os
