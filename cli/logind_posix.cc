#include "cli/logind_posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "os/listing_posix.h"

namespace cubby::cli {
namespace {

constexpr size_t kMostBytes = 64 << 10;

// Ascending in precedence.
constexpr const char* kDirectories[] = {"/usr/lib/systemd", "/run/systemd", "/etc/systemd"};

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> files;
  const os::Listing listing(opendir(directory.c_str()));
  if (listing == nullptr) return files;
  while (const dirent* entry = readdir(listing.get())) {
    if (absl::EndsWith(entry->d_name, ".conf")) files.emplace_back(entry->d_name);
  }
  return files;
}

// Takes what the file sets.
void Apply(const std::string& root, const std::string& file, LogindSetting* setting) {
  bool in_section = false;
  for (absl::string_view line : absl::StrSplit(ReadSmallFile(root + file), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "[")) in_section = line == "[Login]";
    if (!in_section || !absl::ConsumePrefix(&line, "RemoveIPC")) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&line, "=")) continue;
    const std::string value = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line));
    constexpr const char* kYes[] = {"yes", "true", "on", "1", "y", "t"};
    constexpr const char* kNo[] = {"no", "false", "off", "0", "n", "f"};
    if (absl::c_linear_search(kYes, value)) *setting = {true, file};
    if (absl::c_linear_search(kNo, value)) *setting = {false, file};
  }
}

}  // namespace

std::string ReadSmallFile(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return "";
  absl::Cleanup close_file = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return "";
  std::string text(kMostBytes, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, &text[size], text.size() - size);
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

LogindSetting RemoveIpcSetting(const std::string& root) {
  LogindSetting setting = {true, ""};
  // The first that exists of the main file counts, and the drop-ins come after it, by name; one of
  // a name that occurs in several directories is that of the last.
  std::map<std::string, std::string> drop_ins;
  std::string main_file;
  for (const char* directory : kDirectories) {
    const std::string file = absl::StrCat(directory, "/logind.conf");
    struct stat info;
    if (stat((root + file).c_str(), &info) == 0) main_file = file;
    const std::string beside = file + ".d";
    for (const std::string& name : FilesIn(root + beside)) {
      drop_ins[name] = absl::StrCat(beside, "/", name);
    }
  }
  if (!main_file.empty()) Apply(root, main_file, &setting);
  for (const auto& [name, file] : drop_ins) Apply(root, file, &setting);
  return setting;
}

}  // namespace cubby::cli
