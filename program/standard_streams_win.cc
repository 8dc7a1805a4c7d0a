#include <windows.h>
#include <fcntl.h>
#include <io.h>
#include <shellapi.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "program/standard_streams.h"

namespace cubby::program {
namespace {

std::string Utf8FromWide(const wchar_t* wide) {
  // The sizes include the terminating zero. An unpaired surrogate becomes U+FFFD.
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, nullptr, 0, nullptr, nullptr);
  if (bytes <= 1) return "";
  std::string utf8(static_cast<size_t>(bytes), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, utf8.data(), bytes, nullptr, nullptr);
  utf8.pop_back();
  return utf8;
}

constexpr DWORD kLastPatienceMillis = 2000;

}  // namespace

void PrepareStandardStreams() {
  for (std::FILE* stream : {stdin, stdout, stderr}) _setmode(_fileno(stream), _O_BINARY);
}

int OutputError() {
  const unsigned long error = _doserrno;
  const bool reader_has_gone =
      error == ERROR_BROKEN_PIPE || error == ERROR_NO_DATA || error == ERROR_PIPE_NOT_CONNECTED;
  return reader_has_gone ? EPIPE : errno;
}

bool InputIsTerminal() { return _isatty(_fileno(stdin)) != 0; }
bool OutputIsTerminal() { return _isatty(_fileno(stdout)) != 0; }

bool OutputIsPipe() { return GetFileType(GetStdHandle(STD_OUTPUT_HANDLE)) == FILE_TYPE_PIPE; }

// No call tells that the other end of a pipe is closed, short of a write.
bool OutputHasReader() { return true; }

int ErrorColumns() {
  CONSOLE_SCREEN_BUFFER_INFO info;
  if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info)) return 0;
  return info.dwSize.X;
}

absl::optional<double> InputShareRead() {
  const HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  LARGE_INTEGER size;
  LARGE_INTEGER read;
  if (GetFileType(input) != FILE_TYPE_DISK || !GetFileSizeEx(input, &size) || size.QuadPart == 0 ||
      !SetFilePointerEx(input, {}, &read, FILE_CURRENT)) {
    return absl::nullopt;
  }
  return std::min(static_cast<double>(read.QuadPart) / static_cast<double>(size.QuadPart), 1.0);
}

void WriteToStandardError(absl::string_view bytes) {
  const HANDLE error = GetStdHandle(STD_ERROR_HANDLE);
  while (!bytes.empty()) {
    const auto at_most = static_cast<DWORD>(std::min<size_t>(bytes.size(), INT_MAX));
    DWORD written = 0;
    if (!WriteFile(error, bytes.data(), at_most, &written, nullptr)) return;
    bytes.remove_prefix(written);
  }
}

// A synchronous write has no other timeout.
void WriteLastWords(absl::string_view bytes) {
  static absl::string_view last_words;  // the thread may outlive this call
  last_words = bytes;
  const HANDLE thread = CreateThread(
      nullptr, 0,
      [](LPVOID) -> DWORD {
        WriteToStandardError(last_words);
        return 0;
      },
      nullptr, 0, nullptr);
  if (thread == nullptr) return WriteToStandardError(bytes);
  WaitForSingleObject(thread, kLastPatienceMillis);
  CloseHandle(thread);
}

bool ErrorIsJournal() { return false; }

std::vector<std::string> Arguments(int /*argc*/, char** /*argv*/) {
  // argv is in the ANSI code page, which cannot represent every key.
  std::vector<std::string> arguments;
  int count = 0;
  wchar_t** const wide = CommandLineToArgvW(GetCommandLineW(), &count);
  for (int i = 1; wide != nullptr && i < count; ++i) arguments.push_back(Utf8FromWide(wide[i]));
  LocalFree(wide);
  return arguments;
}

std::FILE* OpenFile(const std::string& path) {
  return _wfopen(std::filesystem::u8path(path).c_str(), L"rbN");
}

int64_t ReadSome(std::FILE* file, char* buffer, size_t size) {
  const auto at_most = static_cast<unsigned>(std::min<size_t>(size, INT_MAX));
  return _read(_fileno(file), buffer, at_most);
}

}  // namespace cubby::program
