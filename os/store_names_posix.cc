#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/store_name.h"
#include "os/errors.h"
#include "os/listing_posix.h"
#include "os/process.h"
#include "os/store_names.h"
#include "os/user_posix.h"

namespace cubby::os {
namespace {

constexpr char kDirectory[] = "/dev/shm";

// What the name of a store's file says.
struct NameParts {
  base::GenerationOfStore generation;
  bool lock_file;
};

// nullopt unless it is the name of a store's file.
absl::optional<NameParts> PartsOf(absl::string_view file) {
  if (!absl::ConsumePrefix(&file, "cubby.")) return absl::nullopt;
  const bool lock_file = absl::ConsumeSuffix(&file, ".lock");
  absl::optional<base::GenerationOfStore> generation = base::ParseGenerationName(file);
  // All generations have one lock file.
  if (!generation.has_value() || (lock_file && generation->number != 0)) return absl::nullopt;
  return NameParts{*std::move(generation), lock_file};
}

StoreFile FileOf(const struct stat& info, uint64_t generation) {
  StoreFile file;
  file.generation = generation;
  file.plain = S_ISREG(info.st_mode) && info.st_nlink == 1;
  file.own = info.st_uid == geteuid() && !IsUnmappedUser(info.st_uid);
  file.owner = absl::StrCat(info.st_uid);
  file.mode = info.st_mode & 0777;
  file.bytes = static_cast<uint64_t>(info.st_size);
  file.device = info.st_dev;
  file.inode = info.st_ino;
  return file;
}

// True if a line of a process's "maps" file (proc(5)) is about one of the files.
bool IsOfOne(absl::Span<const StoreFile> files, absl::string_view line) {
  // "7f00-7f01 r--s 00000000 00:19 1234  /dev/shm/cubby.jobs"
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::MaxSplits(' ', 5), absl::SkipEmpty());
  uint64_t inode;
  if (words.size() < 5 || !absl::SimpleAtoi(words[4], &inode) || inode == 0) return false;
  const std::vector<absl::string_view> device = absl::StrSplit(words[3], ':');
  uint32_t major_number, minor_number;
  if (device.size() != 2 || !absl::SimpleHexAtoi(device[0], &major_number) ||
      !absl::SimpleHexAtoi(device[1], &minor_number)) {
    return false;
  }
  return absl::c_any_of(files, [&](const StoreFile& file) {
    return file.inode == inode && file.device == makedev(major_number, minor_number);
  });
}

}  // namespace

absl::StatusOr<std::vector<StoreFiles>> ListStoreNames() {
  std::vector<StoreFiles> sorted;
  const Listing listing(opendir(kDirectory));
  if (listing == nullptr && errno == ENOENT) return sorted;
  if (listing == nullptr) return LastError(absl::StrCat("cannot list ", kDirectory));
  std::map<std::string, StoreFiles> stores;
  while (const dirent* entry = readdir(listing.get())) {
    const absl::optional<NameParts> name = PartsOf(entry->d_name);
    struct stat info;
    if (!name.has_value()) continue;
    // It may have been removed just now.
    if (fstatat(dirfd(listing.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    StoreFiles& files = stores[name->generation.store];
    if (name->lock_file) {
      files.lock_file = FileOf(info, 0);
    } else {
      files.mappings.push_back(FileOf(info, name->generation.number));
    }
  }
  for (auto& [store, files] : stores) {
    files.store = store;
    absl::c_sort(files.mappings, [](const StoreFile& a, const StoreFile& b) {
      return a.generation < b.generation;
    });
    sorted.push_back(std::move(files));
  }
  return sorted;
}

std::vector<uint64_t> ProcessesThatMap(absl::Span<const StoreFile> files) {
  std::vector<uint64_t> processes;
  if (files.empty()) return processes;
  const Listing listing(opendir("/proc"));
  if (listing == nullptr) return processes;
  while (const dirent* entry = readdir(listing.get())) {
    uint64_t pid;
    if (!absl::SimpleAtoi(entry->d_name, &pid) || pid == ProcessId()) continue;
    std::ifstream maps(absl::StrCat("/proc/", pid, "/maps"));
    for (std::string line; std::getline(maps, line);) {
      if (!IsOfOne(files, line)) continue;
      processes.push_back(pid);
      break;
    }
  }
  absl::c_sort(processes);
  return processes;
}

}  // namespace cubby::os
