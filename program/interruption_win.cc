#include <windows.h>

#include "program/interruption.h"
#include "program/standard_streams.h"

namespace cubby::program {
namespace {

absl::string_view (*last_words_function)() = nullptr;

// The exit code of a process that Ctrl-C ends.
constexpr UINT kControlC = 0xc000013a;

BOOL WINAPI Handle(DWORD /*event*/) {
  WriteToStandardError(last_words_function());
  TerminateProcess(GetCurrentProcess(), kControlC);
  return TRUE;
}

}  // namespace

void OnInterruption(absl::string_view (*last_words)()) {
  last_words_function = last_words;
  SetConsoleCtrlHandler(Handle, TRUE);
}

}  // namespace cubby::program
