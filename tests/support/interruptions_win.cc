#include <windows.h>

#include <thread>

#include "tests/support/interruptions.h"

namespace cubby::test {

bool StartInterruptions(int /*micros*/) {
  HANDLE thread;
  if (!DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &thread,
                       THREAD_SUSPEND_RESUME, /*bInheritHandle=*/FALSE, 0)) {
    return false;
  }
  std::thread([thread] {
    for (;;) {
      Sleep(1);
      if (SuspendThread(thread) == static_cast<DWORD>(-1)) return;
      for (int i = 0; i < 3; ++i) SwitchToThread();
      ResumeThread(thread);
    }
  }).detach();
  return true;
}

}  // namespace cubby::test
