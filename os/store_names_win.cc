// Windows has no call for this whose documentation promises that it stays. NtQueryDirectoryObject()
// is documented, is as old as the system, and lists exactly the session's own objects; the list of
// the pipes \\.\pipe\* is the whole machine's, and has only the stores that a daemon serves.
#include <windows.h>
#include <winternl.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/store_name.h"
#include "os/store_names.h"

namespace cubby::os {
namespace {

constexpr ACCESS_MASK kDirectoryQuery = 1;  // DIRECTORY_QUERY, of the driver kit
constexpr size_t kEntryBytes = 4096;        // more than any entry has

// OBJECT_DIRECTORY_INFORMATION, of the driver kit.
struct DirectoryEntry {
  UNICODE_STRING name;
  UNICODE_STRING type;
};

using OpenDirectory = NTSTATUS(NTAPI*)(HANDLE*, ACCESS_MASK, OBJECT_ATTRIBUTES*);
using QueryDirectory = NTSTATUS(NTAPI*)(HANDLE, void*, ULONG, BOOLEAN, BOOLEAN, ULONG*, ULONG*);

template <typename Function>
Function Find(const char* name) {
  const HMODULE library = GetModuleHandleA("ntdll.dll");
  if (library == nullptr) return nullptr;
  return reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(library, name)));
}

// "" if it is not ASCII, as a store's objects are.
std::string TextOf(const UNICODE_STRING& wide) {
  std::string text;
  for (size_t at = 0; at < wide.Length / sizeof(wchar_t); ++at) {
    if (wide.Buffer[at] == 0 || wide.Buffer[at] > 127) return "";
    text.push_back(static_cast<char>(wide.Buffer[at]));
  }
  return text;
}

// The directory that the names `Local\...` of this session lie in.
std::wstring LocalDirectory() {
  DWORD session = 0;
  ProcessIdToSessionId(GetCurrentProcessId(), &session);
  if (session == 0) return L"\\BaseNamedObjects";
  return L"\\Sessions\\" + std::to_wstring(session) + L"\\BaseNamedObjects";
}

absl::Status NotListed(NTSTATUS status) {
  return absl::InternalError(absl::StrCat("this system does not list the objects of the session (",
                                          absl::Hex(static_cast<uint32_t>(status), absl::kZeroPad8),
                                          "): name a store by --store"));
}

}  // namespace

absl::StatusOr<std::vector<StoreFiles>> ListStoreNames() {
  const auto open = Find<OpenDirectory>("NtOpenDirectoryObject");
  const auto query = Find<QueryDirectory>("NtQueryDirectoryObject");
  if (open == nullptr || query == nullptr) return NotListed(0);
  std::wstring path = LocalDirectory();
  UNICODE_STRING name = {};
  name.Buffer = &path[0];
  name.Length = static_cast<USHORT>(path.size() * sizeof(wchar_t));
  name.MaximumLength = name.Length;
  OBJECT_ATTRIBUTES attributes;
  InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
  HANDLE directory = nullptr;
  const NTSTATUS opened = open(&directory, kDirectoryQuery, &attributes);
  if (opened < 0) return NotListed(opened);
  absl::Cleanup close = [directory] { CloseHandle(directory); };

  std::map<std::string, std::set<uint64_t>> generations;
  alignas(DirectoryEntry) char buffer[kEntryBytes];
  ULONG context = 0;
  ULONG bytes;
  // Entries one by one, which Wine has too. The end is an error code.
  while (query(directory, buffer, sizeof(buffer), /*ReturnSingleEntry=*/TRUE,
               /*RestartScan=*/context == 0, &context, &bytes) >= 0) {
    const auto& entry = *reinterpret_cast<const DirectoryEntry*>(buffer);
    if (TextOf(entry.type) != "Section") continue;
    const std::string object = TextOf(entry.name);
    absl::string_view rest = object;
    if (!absl::ConsumePrefix(&rest, "cubby.")) continue;
    const absl::optional<base::GenerationOfStore> generation = base::ParseGenerationName(rest);
    if (generation.has_value()) generations[generation->store].insert(generation->number);
  }
  std::vector<StoreFiles> sorted;
  for (const auto& [store, numbers] : generations) {
    StoreFiles files;
    files.store = store;
    for (uint64_t number : numbers) {
      StoreFile file;
      file.generation = number;
      files.mappings.push_back(file);
    }
    sorted.push_back(files);
  }
  return sorted;
}

std::vector<uint64_t> ProcessesThatMap(absl::Span<const StoreFile>) { return {}; }

}  // namespace cubby::os
