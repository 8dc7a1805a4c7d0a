// The checks of `cubby doctor` on Linux.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/doctor.h"
#include "cli/logind_posix.h"
#include "os/memory_group_posix.h"
#include "os/runtime_dir_posix.h"
#include "os/user.h"

namespace cubby::cli {
namespace {

constexpr char kSharedMemory[] = "/dev/shm";
constexpr uint64_t kDockersDefault = 64 << 20;
// What a program needs beside a store's memory.
constexpr uint64_t kProgramBytes = 64 << 20;
constexpr uint64_t kFewFiles = 64;
// The first uids of people, whose sessions end.
constexpr uint64_t kFirstRegularUser = 1000;
constexpr uint64_t kNobody = 65534;

std::string SizeRemedy(uint64_t bytes) {
  // Some room beyond it, in whole MiB.
  const uint64_t mebibytes = bytes / (1 << 20) * 5 / 4 + 64;
  return absl::StrCat("mount -o remount,size=", mebibytes, "m /dev/shm; Docker: --shm-size ",
                      mebibytes,
                      "m; Kubernetes: an emptyDir with medium: Memory and a sizeLimit at /dev/shm; "
                      "or a smaller --capacity");
}

std::string NeedText(const Surroundings& surroundings) {
  return absl::StrCat(surroundings.need_is_met ? "another store as large as this one needs "
                      : surroundings.store.empty()
                          ? "a store of default size needs "
                          : "there is no such store yet, and one of default size needs ",
                      surroundings.need);
}

// What a lack of room for surroundings.need means: a store that exists has its memory.
Level LevelOfLack(const Surroundings& surroundings) {
  return surroundings.need_is_met ? Level::kNote : Level::kBad;
}

// The type of the file system that is mounted at `path`; "" if none is.
std::string MountedAt(const std::string& root, absl::string_view path) {
  std::string type;  // the last one covers those before
  for (absl::string_view line :
       absl::StrSplit(ReadSmallFile(root + "/proc/self/mountinfo"), '\n')) {
    const std::vector<absl::string_view> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<absl::string_view> place = absl::StrSplit(halves[0], ' ');
    if (halves.size() != 2 || place.size() < 5 || place[4] != path) continue;
    type = std::string(halves[1].substr(0, halves[1].find(' ')));
  }
  return type;
}

Finding CheckSharedMemory(const Surroundings& surroundings) {
  const std::string path = surroundings.root + kSharedMemory;
  struct stat info;
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Bad("there is no directory /dev/shm, where shared memory lies",
               "mkdir /dev/shm; mount -t tmpfs -o mode=1777 tmpfs /dev/shm");
  }
  const absl::optional<Surroundings::Space> space = surroundings.space(path);
  if (!space.has_value()) return Note("/dev/shm does not tell its size", "df /dev/shm");
  if (space->bytes == 0) return Ok("/dev/shm has no limit");
  const std::string seen =
      absl::StrCat("/dev/shm has ", space->bytes, " bytes, ", space->free, " of them free");
  if (space->free < surroundings.need) {
    return {LevelOfLack(surroundings), absl::StrCat(seen, "; ", NeedText(surroundings)),
            SizeRemedy(space->bytes - space->free + surroundings.need)};
  }
  const std::string type = MountedAt(surroundings.root, kSharedMemory);
  if (!type.empty() && type != "tmpfs") {
    return Note(absl::StrCat(seen, "; it is a file system of type ", type, " and not tmpfs"),
                "mount -t tmpfs -o mode=1777 tmpfs /dev/shm: elsewhere the kernel may write a "
                "store's pages to a disk");
  }
  if (space->bytes <= kDockersDefault) {
    return Note(absl::StrCat(seen, ", Docker's default"), SizeRemedy(4 * kDockersDefault));
  }
  return Ok(seen);
}

Finding CheckRights(const Surroundings& surroundings) {
  const std::string path = surroundings.root + kSharedMemory;
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Ok("there is no /dev/shm");
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return Bad(
        "every user may remove every store: /dev/shm is writable by all and has no sticky bit",
        "chmod 1777 /dev/shm");
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return Bad("this user may not make files in /dev/shm", "chmod 1777 /dev/shm");
  }
  return Ok("this user may make stores in /dev/shm, and other users may not remove them");
}

Finding CheckMemoryGroups(const Surroundings& surroundings) {
  const std::string proc = surroundings.root + "/proc/self";
  const auto lacks = [&](const os::MemoryGroup& group) {
    return group.available < surroundings.need;
  };
  const auto text = [](const os::MemoryGroup& group) {
    return absl::StrCat("the memory control group ", group.path, " has ", group.available,
                        " bytes of its limit of ", group.limit);
  };
  const auto most = os::TightestMemoryGroup(os::GroupLimit::kMost, proc);
  if (most.has_value() && lacks(*most)) {
    return {LevelOfLack(surroundings), absl::StrCat(text(*most), " left; ", NeedText(surroundings)),
            "raise the limit (Docker: --memory; Kubernetes: resources.limits.memory; systemd: "
            "MemoryMax=) or ask for less: beyond it the kernel kills"};
  }
  const auto high = os::TightestMemoryGroup(os::GroupLimit::kHigh, proc);
  if (high.has_value() && lacks(*high)) {
    return Note(absl::StrCat(text(*high), ", memory.high, left; ", NeedText(surroundings)),
                "raise memory.high (systemd: MemoryHigh=): beyond it the kernel slows programs "
                "down");
  }
  return Ok(most.has_value() ? absl::StrCat(text(*most), " left") : "no limit");
}

// The user's name; "" if it is not known. A program without shared libraries, as cubby can be, has
// no other way.
std::string LoginOf(const Surroundings& surroundings) {
  for (absl::string_view line :
       absl::StrSplit(ReadSmallFile(surroundings.root + "/etc/passwd"), '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ':');
    if (fields.size() > 2 && fields[2] == absl::StrCat(surroundings.user)) {
      return std::string(fields[0]);
    }
  }
  return "";
}

Finding CheckRemoveIpc(const Surroundings& surroundings) {
  struct stat info;
  if (stat((surroundings.root + "/run/systemd/system").c_str(), &info) != 0) {
    return Ok("systemd does not run here");
  }
  if (surroundings.user < kFirstRegularUser || surroundings.user == kNobody) {
    return Ok(absl::StrCat("uid ", surroundings.user,
                           " is a system user, whose shared memory systemd-logind leaves alone"));
  }
  const std::string login = LoginOf(surroundings);
  const std::string linger = absl::StrCat(surroundings.root, "/var/lib/systemd/linger/", login);
  if (!login.empty() && stat(linger.c_str(), &info) == 0) {
    return Ok(absl::StrCat("user ", login, " lingers"));
  }
  const LogindSetting setting = RemoveIpcSetting(surroundings.root);
  if (!setting.removes) return Ok(absl::StrCat(setting.file, " says RemoveIPC=no"));
  const absl::StatusOr<std::vector<StoreRow>> rows = surroundings.stores();
  const bool own = rows.ok() && absl::c_any_of(*rows, [](const StoreRow& row) { return row.own; });
  return {
      own ? Level::kBad : Level::kNote,
      absl::StrCat("systemd-logind removes the stores of uid ", surroundings.user,
                   " when its last session ends (RemoveIPC=yes, ",
                   setting.file.empty() ? "the default" : setting.file, ")"),
      "loginctl enable-linger USER; or run cubbyd as a system user (systemd unit with User=); or "
      "set RemoveIPC=no under [Login] in /etc/systemd/logind.conf and restart systemd-logind"};
}

Finding CheckRuntimeDir(const Surroundings&) {
  const absl::Status opened = os::OpenRuntimeDir().status();
  const std::string path = os::RuntimeDirPath();
  if (opened.ok()) return Ok(path);
  if (absl::IsNotFound(opened)) return Ok(absl::StrCat(path, ", which cubbyd makes"));
  return FromError(Level::kBad, opened);
}

Finding CheckNamespaces(const Surroundings& surroundings) {
  const std::string& root = surroundings.root;
  const absl::Status caller = os::CheckCaller();
  if (!caller.ok()) return FromError(Level::kBad, caller);
  struct stat info;
  if (stat((root + "/proc/self").c_str(), &info) != 0) {
    return Bad("there is no /proc",
               "mount -t proc proc /proc: without it programs cannot tell the "
               "boot clock of a time namespace");
  }
  for (absl::string_view line :
       absl::StrSplit(ReadSmallFile(root + "/proc/self/timens_offsets"), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() == 3 && words[0] == "boottime" && (words[1] != "0" || words[2] != "0")) {
      return Note(absl::StrCat("a time namespace, whose boot clock is ", words[1], " s off"),
                  "run all programs of a store, and its cubbyd, in this time namespace");
    }
  }
  for (const char* mark : {"/.dockerenv", "/run/.containerenv"}) {
    if (stat((root + mark).c_str(), &info) != 0) continue;
    return Note(
        absl::StrCat("a container (", mark, "), which may have a /dev/shm of its own"),
        "to share stores between containers: --ipc=shareable and --ipc=container:FIRST, and "
        "a volume that all mount, named by CUBBY_RUNTIME_DIR");
  }
  return Ok("no time namespace, and no container that shows");
}

Finding CheckHugePages(const Surroundings& surroundings) {
  const std::string& root = surroundings.root;
  const std::string release(
      absl::StripAsciiWhitespace(ReadSmallFile(root + "/proc/sys/kernel/osrelease")));
  constexpr char kWithout[] = "nothing must be done: a store is about half as fast without them";
  const std::vector<absl::string_view> parts = absl::StrSplit(release, absl::ByAnyChar(".-"));
  int major_number = 0, minor_number = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major_number) ||
      !absl::SimpleAtoi(parts[1], &minor_number)) {
    return Note("the kernel does not tell its version", kWithout);
  }
  const std::string kernel = absl::StrCat("Linux ", release);
  if (major_number < 6 || (major_number == 6 && minor_number < 1)) {
    return Note(absl::StrCat(kernel, " has no huge pages for shared memory"),
                absl::StrCat("use Linux 6.1 or later; ", kWithout));
  }
  const std::string setting =
      ReadSmallFile(root + "/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (setting.empty()) {
    return Note(absl::StrCat(kernel, " was built without huge pages"), kWithout);
  }
  if (absl::StrContains(setting, "[deny]")) {
    return Note(absl::StrCat(kernel, " denies huge pages to shared memory"),
                "echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled, which lets cubbyd "
                "ask for them");
  }
  return Ok(absl::StrCat(kernel, " gives shared memory huge pages"));
}

// The soft limit of that name in /proc/self/limits; nullopt if there is none.
absl::optional<uint64_t> LimitOf(absl::string_view name, absl::string_view limits) {
  for (absl::string_view line : absl::StrSplit(limits, '\n')) {
    uint64_t number;
    if (!absl::ConsumePrefix(&line, name)) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (!words.empty() && absl::SimpleAtoi(words[0], &number)) return number;
  }
  return absl::nullopt;
}

Finding CheckLimits(const Surroundings& surroundings) {
  const std::string limits = ReadSmallFile(surroundings.root + "/proc/self/limits");
  if (limits.empty()) return Note("/proc does not tell them", "mount -t proc proc /proc");
  struct Limit {
    const char* name;
    uint64_t least;
    const char* remedy;
  };
  const Limit needs[] = {
      {"Max address space", surroundings.need + kProgramBytes,
       "ulimit -v unlimited (systemd: LimitAS=infinity)"},
      {"Max file size", surroundings.need, "ulimit -f unlimited (systemd: LimitFSIZE=infinity)"},
      {"Max open files", kFewFiles, "ulimit -n 1024 (systemd: LimitNOFILE=1024)"},
  };
  for (const Limit& limit : needs) {
    const absl::optional<uint64_t> set = LimitOf(limit.name, limits);
    if (!set.has_value() || *set >= limit.least) continue;
    return Bad(absl::StrCat(limit.name, " is ", *set, ", and ", limit.least, " are needed"),
               limit.remedy);
  }
  return Ok("enough address space, file size and open files");
}

constexpr Check kChecks[] = {
    {"shared memory", &CheckSharedMemory},   {"rights", &CheckRights},
    {"memory groups", &CheckMemoryGroups},   {"RemoveIPC", &CheckRemoveIpc},
    {"runtime directory", &CheckRuntimeDir}, {"namespaces", &CheckNamespaces},
    {"huge pages", &CheckHugePages},         {"ulimits", &CheckLimits},
};

}  // namespace

absl::Span<const Check> SystemChecks() { return kChecks; }

Surroundings SystemHere() {
  Surroundings here;
  here.user = geteuid();
  here.space = [](const std::string& directory) -> absl::optional<Surroundings::Space> {
    struct statvfs space;
    if (statvfs(directory.c_str(), &space) != 0) return absl::nullopt;
    return Surroundings::Space{uint64_t{space.f_blocks} * space.f_frsize,
                               uint64_t{space.f_bavail} * space.f_frsize};
  };
  return here;
}

}  // namespace cubby::cli
