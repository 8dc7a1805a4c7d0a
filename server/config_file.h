// cubbyd's configuration file: a line for each option, with a quoted or a plain value, and
// comments.
//
//   # The sessions of the shop.
//   store = "sessions"
//   capacity = 1000000
//
// It is TOML, or an INI file, without sections, in UTF-8.
#ifndef CUBBY_SERVER_CONFIG_FILE_H_
#define CUBBY_SERVER_CONFIG_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cubby::server {

// Returns the values by key. InvalidArgument, naming the file `path`: it cannot be read, is longer
// than 1 MiB, is UTF-16 or UTF-32 text, has a section or a line without a value, or gives a key not
// exactly one value. Leaves out a byte order mark, and logs that.
absl::StatusOr<std::map<std::string, std::string>> ReadConfigFile(const std::string& path);

// The same for a daemon that serves, which must not wait and has options to lose. InvalidArgument
// also if the file is no regular one, such as a FIFO, or states nothing, as while it is written.
absl::StatusOr<std::map<std::string, std::string>> ReadConfigFileAgain(const std::string& path);

// As ReadConfigFile() for the text of the file.
absl::StatusOr<std::map<std::string, std::string>> ParseConfig(absl::string_view path,
                                                               absl::string_view text);

}  // namespace cubby::server

#endif  // CUBBY_SERVER_CONFIG_FILE_H_
