#include <windows.h>

#include <algorithm>
#include <cwchar>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "os/errors.h"
#include "tests/support/subprocess_os.h"

namespace cubby::test {
namespace {

// Signal numbers, so that a test expects the same exit codes everywhere.
constexpr UINT kKilled = 128 + 9;
constexpr int kCrashed = 128 + 11;
constexpr int kInterrupted = 128 + 15;

HANDLE ToHandle(intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

std::wstring Wide(absl::string_view utf8) {
  const int length =
      MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), nullptr, 0);
  std::wstring wide(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()), wide.data(), length);
  return wide;
}

// One argument, so written that CommandLineToArgvW and the C runtime give it back: backslashes
// count as escapes only before a quote.
std::string Quoted(absl::string_view argument) {
  std::string quoted = "\"";
  size_t backslashes = 0;
  for (char c : argument) {
    if (c == '"') quoted.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    quoted += c;
  }
  quoted.append(backslashes, '\\');
  return quoted + '"';
}

// The parent's environment, with `added` in place of variables of the same names, as CreateProcess
// wants it: each ends in a NUL, all of them in another.
std::wstring EnvironmentWith(const std::vector<std::pair<std::string, std::string>>& added) {
  std::wstring block;
  wchar_t* const inherited = GetEnvironmentStringsW();
  for (const wchar_t* variable = inherited; *variable != L'\0';
       variable += std::wcslen(variable) + 1) {
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& addition) {
      const std::wstring prefix = Wide(addition.first) + L'=';
      return _wcsnicmp(variable, prefix.c_str(), prefix.size()) == 0;
    });
    if (!replaced) block.append(variable).push_back(L'\0');
  }
  FreeEnvironmentStringsW(inherited);
  for (const auto& [name, value] : added) {
    block.append(Wide(absl::StrCat(name, "=", value))).push_back(L'\0');
  }
  block.push_back(L'\0');
  return block;
}

struct Pipe {
  PipeEnd read, write;
};

enum class ChildEnd { kRead, kWrite };

absl::StatusOr<Pipe> MakePipe(ChildEnd inherited) {
  HANDLE read, write;
  if (!CreatePipe(&read, &write, nullptr, 0)) return os::LastError("cannot make a pipe");
  Pipe pipe{PipeEnd(reinterpret_cast<intptr_t>(read)), PipeEnd(reinterpret_cast<intptr_t>(write))};
  if (!SetHandleInformation(inherited == ChildEnd::kRead ? read : write, HANDLE_FLAG_INHERIT,
                            HANDLE_FLAG_INHERIT)) {
    return os::LastError("cannot make a pipe inheritable");
  }
  return pipe;
}

// Wine 8 has no GenerateConsoleCtrlEvent, and in a process that leads a group it ignores Ctrl-Break
// as well as Ctrl-C. What that call would start in the process can be started there directly. It is
// null on Windows.
LPTHREAD_START_ROUTINE WineControlRoutine() {
  if (GetProcAddress(GetModuleHandleW(L"ntdll"), "wine_get_version") == nullptr) return nullptr;
  return reinterpret_cast<LPTHREAD_START_ROUTINE>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"kernelbase"), "CtrlRoutine")));
}

class WindowsProcess final : public OsProcess {
 public:
  WindowsProcess(HANDLE process, DWORD pid) : process_(process), pid_(pid) {}
  ~WindowsProcess() override { CloseHandle(process_); }

  bool WaitUntil(absl::Time deadline) override {
    for (;;) {
      // Rounded up, or the last millisecond would be a busy loop. Capped well below INFINITE.
      const absl::Duration left =
          std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Hours(24));
      const DWORD milliseconds =
          static_cast<DWORD>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
      if (WaitForSingleObject(process_, milliseconds) == WAIT_OBJECT_0) return true;
      if (absl::Now() >= deadline) return false;
    }
  }

  int ExitCode() override {
    DWORD code = 0;
    GetExitCodeProcess(process_, &code);
    switch (code) {
      case static_cast<DWORD>(STATUS_ACCESS_VIOLATION):
        return kCrashed;
      case static_cast<DWORD>(STATUS_CONTROL_C_EXIT):
        return kInterrupted;
      default:
        return static_cast<int>(code);
    }
  }

  void Kill() override { TerminateProcess(process_, kKilled); }
  void Interrupt() override {
    const LPTHREAD_START_ROUTINE routine = WineControlRoutine();
    if (routine == nullptr) {
      GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid_);
      return;
    }
    const HANDLE thread =
        CreateRemoteThread(process_, nullptr, 0, routine,
                           reinterpret_cast<void*>(uintptr_t{CTRL_BREAK_EVENT}), 0, nullptr);
    if (thread != nullptr) CloseHandle(thread);
  }
  uint64_t pid() const override { return pid_; }

 private:
  const HANDLE process_;  // while it is open, no other process gets the id
  const DWORD pid_;
};

}  // namespace

char PathListSeparator() { return ';'; }
absl::string_view ProgramSuffix() { return ".exe"; }

PipeEnd::~PipeEnd() {
  if (handle_ != kNone) CloseHandle(ToHandle(handle_));
}

size_t PipeEnd::Read(char* buffer, size_t size) {
  DWORD got = 0;
  // A write of no bytes makes a read of no bytes, which is not the end.
  while (ReadFile(ToHandle(handle_), buffer, static_cast<DWORD>(size), &got, nullptr)) {
    if (got != 0) return got;
  }
  return 0;
}

void PipeEnd::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    DWORD wrote = 0;
    const auto piece = static_cast<DWORD>(std::min<size_t>(bytes.size(), 1 << 20));
    if (!WriteFile(ToHandle(handle_), bytes.data(), piece, &wrote, nullptr)) return;
    bytes.remove_prefix(wrote);
  }
}

absl::StatusOr<std::unique_ptr<OsProcess>> OsProcess::Start(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& environment, Streams* streams) {
  absl::StatusOr<Pipe> in = MakePipe(ChildEnd::kRead);
  absl::StatusOr<Pipe> out = MakePipe(ChildEnd::kWrite);
  absl::StatusOr<Pipe> err = MakePipe(ChildEnd::kWrite);
  if (!in.ok()) return in.status();
  if (!out.ok()) return out.status();
  if (!err.ok()) return err.status();

  // Only these three, or a child started meanwhile by another thread would keep this one's pipes
  // open.
  HANDLE inherited[] = {ToHandle(in->read.handle()), ToHandle(out->write.handle()),
                        ToHandle(err->write.handle())};
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
  std::string storage(size, '\0');
  auto* attributes = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(storage.data());
  if (!InitializeProcThreadAttributeList(attributes, 1, 0, &size)) {
    return os::LastError("cannot make a process attribute list");
  }
  absl::Cleanup destroy = [attributes] { DeleteProcThreadAttributeList(attributes); };
  if (!UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                 sizeof(inherited), nullptr, nullptr)) {
    return os::LastError("cannot list the handles to inherit");
  }

  std::string command_line;
  for (const std::string& argument : argv) {
    absl::StrAppend(&command_line, command_line.empty() ? "" : " ", Quoted(argument));
  }
  std::wstring wide_command_line = Wide(command_line);
  std::wstring variables = EnvironmentWith(environment);
  STARTUPINFOEXW startup = {};
  startup.StartupInfo.cb = sizeof(startup);
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdInput = inherited[0];
  startup.StartupInfo.hStdOutput = inherited[1];
  startup.StartupInfo.hStdError = inherited[2];
  startup.lpAttributeList = attributes;
  PROCESS_INFORMATION started;
  // A process group of its own, because Ctrl-Break goes to a whole group.
  const DWORD group = WineControlRoutine() == nullptr ? CREATE_NEW_PROCESS_GROUP : 0;
  const auto start = [&] {
    return CreateProcessW(Wide(argv[0]).c_str(), wide_command_line.data(), nullptr, nullptr,
                          /*bInheritHandles=*/TRUE,
                          group | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
                          variables.data(), nullptr, &startup.StartupInfo, &started) != FALSE;
  };
  // Once in many thousand starts, Wine's process ends before it has loaded the program. Wine then
  // says this, which Windows never does, and nothing of the program has run.
  if (!start() && (GetLastError() != ERROR_INTERNAL_ERROR || !start())) {
    return os::LastError(absl::StrCat("cannot start ", argv[0]));
  }
  CloseHandle(started.hThread);
  *streams = {std::move(in->write), std::move(out->read), std::move(err->read)};
  return std::make_unique<WindowsProcess>(started.hProcess, started.dwProcessId);
}

std::string SelfPath() {
  wchar_t wide[MAX_PATH];
  const DWORD length = GetModuleFileNameW(nullptr, wide, MAX_PATH);
  const int bytes =
      WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), nullptr, 0, nullptr, nullptr);
  std::string path(static_cast<size_t>(bytes), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(length), path.data(), bytes, nullptr,
                      nullptr);
  return path;
}

}  // namespace cubby::test
