#include <windows.h>

#include "os/signals.h"

namespace cubby::os {
namespace {

void (*stop_function)() = nullptr;

BOOL WINAPI Handle(DWORD event) {
  stop_function();
  // After these events the system ends the process as soon as the handler returns; main() is to
  // come first.
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) Sleep(INFINITE);
  return TRUE;
}

}  // namespace

void OnStopRequest(void (*function)()) {
  stop_function = function;
  SetConsoleCtrlHandler(Handle, TRUE);
}

void OnReloadRequest(void (*)()) {}

void IgnoreFileSizeSignal() {}

}  // namespace cubby::os
