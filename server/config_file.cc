#include "server/config_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "program/standard_streams.h"
#include "program/text_encoding.h"
#include "server/log.h"

namespace cubby::server {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;

absl::Status Unreadable(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("cannot read --config '", path, "': ", why));
}

absl::Status Unreadable(absl::string_view path, int error) {
  return Unreadable(path, std::error_code(error, std::generic_category()).message());
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(program::OpenFile(path), &std::fclose);
  if (file == nullptr) return Unreadable(path, errno);
  std::string text(kMaxBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return Unreadable(path, errno);
  if (text.size() > kMaxBytes) {
    return Unreadable(path, absl::StrCat("it is longer than ", kMaxBytes, " bytes"));
  }
  return text;
}

// CLI11 ignores a line of one character, and reads `true` from one without a value.
absl::Status CheckLines(absl::string_view path, absl::string_view text) {
  size_t number = 0;
  for (const absl::string_view whole : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(whole);
    if (line.empty() || absl::StrContains("#;[", line[0])) continue;
    const size_t equals = line.find('=');
    if (equals != absl::string_view::npos && equals != 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has a line that gives no value, ", number, ": write NAME = VALUE"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseConfig(absl::string_view path,
                                                               absl::string_view text) {
  RETURN_IF_ERROR(CheckLines(path, text));
  std::istringstream stream{std::string(text)};
  std::map<std::string, std::string> values;
  for (CLI::ConfigItem& item : CLI::ConfigBase().from_config(stream)) {
    if (!item.parents.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(path, " has a section '", item.parents[0],
                                                     "': write its lines without sections"));
    }
    if (item.inputs.size() != 1 || values.count(item.name) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " gives '", item.name, "' not one value: write NAME = VALUE, once"));
    }
    values.emplace(std::move(item.name), std::move(item.inputs[0]));
  }
  return values;
}

absl::StatusOr<std::map<std::string, std::string>> ReadConfigFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(path));
  absl::string_view text = bytes;
  const std::string encoding = program::OtherEncoding(text.substr(0, text.find('\n')));
  if (!encoding.empty()) return Unreadable(path, absl::StrCat("it is ", encoding));
  if (absl::ConsumePrefix(&text, program::kUtf8Mark)) {
    LogMessage(LogLevel::kWarning, absl::StrCat(path, " begins with a byte order mark: left out"));
  }
  return ParseConfig(path, text);
}

absl::StatusOr<std::map<std::string, std::string>> ReadConfigFileAgain(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(std::filesystem::u8path(path), error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return Unreadable(path, "it is no regular file, which can be read only once");
  }
  ASSIGN_OR_RETURN(auto values, ReadConfigFile(path));
  if (values.empty()) return Unreadable(path, "it states nothing: is it being written?");
  return values;
}

}  // namespace cubby::server
