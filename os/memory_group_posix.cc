#include "os/memory_group_posix.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace cubby::os {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// Version 1 writes this, or a little less, for no limit.
constexpr uint64_t kNoLimitOfVersion1 = uint64_t{1} << 62;

// The files of a group's directory in a version of cgroups.
struct Files {
  const char* limit;
  const char* high;  // null if the version has none
  const char* used;
  const char* swap_limit;  // version 1: of memory and swap together
  const char* swap_used;
  const char* reclaimable[3];  // lines of memory.stat; the last may be null
};
constexpr Files kVersion1 = {
    "memory.limit_in_bytes",       nullptr,
    "memory.usage_in_bytes",       "memory.memsw.limit_in_bytes",
    "memory.memsw.usage_in_bytes", {"total_active_file", "total_inactive_file", nullptr}};
constexpr Files kVersion2 = {
    "memory.max",      "memory.high",         "memory.current",
    "memory.swap.max", "memory.swap.current", {"active_file", "inactive_file", "slab_reclaimable"}};

// "" if there is no such file.
std::string Read(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// nullopt if there is no such file.
absl::optional<uint64_t> ReadNumber(const std::string& path) {
  const std::string text(absl::StripAsciiWhitespace(Read(path)));
  if (text == "max") return kNoLimit;
  uint64_t number;
  if (!absl::SimpleAtoi(text, &number)) return absl::nullopt;
  return number >= kNoLimitOfVersion1 ? kNoLimit : number;
}

// The number behind the line's first word, which is `name`; 0 if there is no such line.
uint64_t NumberOf(absl::string_view name, absl::string_view lines) {
  for (absl::string_view line : absl::StrSplit(lines, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t number;
    if (words.size() >= 2 && words[0] == name && absl::SimpleAtoi(words[1], &number)) {
      return number;
    }
  }
  return 0;
}

uint64_t Difference(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

// How much swap the group may still use. `memory` is what it may still use of memory.
uint64_t SwapAvailable(const std::string& group, const Files& files, uint64_t memory,
                       uint64_t swap_free) {
  const absl::optional<uint64_t> limit = ReadNumber(absl::StrCat(group, "/", files.swap_limit));
  const absl::optional<uint64_t> used = ReadNumber(absl::StrCat(group, "/", files.swap_used));
  if (!limit.has_value() || !used.has_value() || *limit == kNoLimit) return swap_free;
  const uint64_t left = Difference(*limit, *used);
  return std::min(swap_free, &files == &kVersion1 ? Difference(left, memory) : left);
}

// nullopt if the group has no such limit.
absl::optional<MemoryGroup> ReadGroup(const std::string& path, const Files& files, GroupLimit which,
                                      uint64_t swap_free) {
  const char* const file = which == GroupLimit::kMost ? files.limit : files.high;
  if (file == nullptr) return absl::nullopt;
  const absl::optional<uint64_t> limit = ReadNumber(absl::StrCat(path, "/", file));
  const absl::optional<uint64_t> used = ReadNumber(absl::StrCat(path, "/", files.used));
  if (!limit.has_value() || *limit == kNoLimit || !used.has_value()) return absl::nullopt;
  const std::string stat = Read(absl::StrCat(path, "/memory.stat"));
  uint64_t reclaimable = 0;  // the kernel gives it up before it kills
  for (const char* name : files.reclaimable) {
    if (name != nullptr) reclaimable += NumberOf(name, stat);
  }
  const uint64_t memory = Difference(*limit, Difference(*used, reclaimable));
  return MemoryGroup{path, *limit, memory + SwapAvailable(path, files, memory, swap_free)};
}

// A hierarchy of groups with limits for memory.
struct Mount {
  std::string root;  // the group that is mounted there
  std::string path;
};

// The mount of a hierarchy in a line of mountinfo (proc(5)); nullopt if it mounts something else.
absl::optional<Mount> MountOf(absl::string_view line, const Files& files) {
  const std::vector<absl::string_view> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
  if (halves.size() != 2) return absl::nullopt;
  const std::vector<absl::string_view> place = absl::StrSplit(halves[0], ' ');
  const std::vector<absl::string_view> kind = absl::StrSplit(halves[1], ' ');
  if (place.size() < 5 || kind.size() < 3) return absl::nullopt;
  const bool wanted =
      &files == &kVersion2
          ? kind[0] == "cgroup2"
          : kind[0] == "cgroup" && absl::c_linear_search(absl::StrSplit(kind[2], ','), "memory");
  Mount mount;
  // Spaces and the like are octal escapes there.
  if (!wanted || !absl::CUnescape(place[3], &mount.root) ||
      !absl::CUnescape(place[4], &mount.path)) {
    return absl::nullopt;
  }
  if (mount.root == "/") mount.root.clear();
  return mount;
}

// The process's group in a line of its "cgroup" file, from the hierarchy's root on; nullopt for
// another hierarchy's.
absl::optional<std::string> GroupOf(absl::string_view line, const Files& files) {
  const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
  if (fields.size() != 3) return absl::nullopt;
  const bool wanted = &files == &kVersion2
                          ? fields[0] == "0" && fields[1].empty()
                          : absl::c_linear_search(absl::StrSplit(fields[1], ','), "memory");
  if (!wanted) return absl::nullopt;
  return fields[2] == "/" ? "" : fields[2];
}

// The directories of the process's group and of those around it.
std::vector<std::string> Directories(const std::string& proc, const Files& files) {
  absl::optional<Mount> mount;
  for (absl::string_view line : absl::StrSplit(Read(proc + "/mountinfo"), '\n')) {
    if (!mount.has_value()) mount = MountOf(line, files);
  }
  absl::optional<std::string> group;
  for (absl::string_view line : absl::StrSplit(Read(proc + "/cgroup"), '\n')) {
    if (!group.has_value()) group = GroupOf(line, files);
  }
  std::vector<std::string> directories;
  if (!mount.has_value() || !group.has_value()) return directories;
  // A container may have only its own group mounted; then that is where to look.
  std::string below;
  if (absl::StartsWith(absl::StrCat(*group, "/"), absl::StrCat(mount->root, "/"))) {
    below = group->substr(mount->root.size());
  }
  while (!below.empty()) {
    directories.push_back(mount->path + below);
    below.resize(below.rfind('/'));
  }
  directories.push_back(mount->path);
  return directories;
}

}  // namespace

absl::optional<MemoryGroup> TightestMemoryGroup(GroupLimit which, const std::string& proc) {
  const uint64_t swap_free = NumberOf("SwapFree:", Read(proc + "/../meminfo")) * 1024;
  absl::optional<MemoryGroup> tightest;
  for (const Files* files : {&kVersion1, &kVersion2}) {
    for (const std::string& directory : Directories(proc, *files)) {
      absl::optional<MemoryGroup> group = ReadGroup(directory, *files, which, swap_free);
      if (!group.has_value()) continue;
      if (!tightest.has_value() || group->available < tightest->available) {
        tightest = *std::move(group);
      }
    }
  }
  return tightest;
}

}  // namespace cubby::os
