// cubbyd's options. Each is one line of the table in options.cc, from which its flag, its
// environment variable, its key in a configuration file, its help and its line in docs/reference.md
// follow. A flag is stronger than the environment, and that is stronger than the file.
#ifndef CUBBY_SERVER_OPTIONS_H_
#define CUBBY_SERVER_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "program/exit_code.h"
#include "server/log.h"
#include "table/layout.h"

namespace cubby::server {

inline constexpr uint32_t kDefaultMode = 0600;

// Where the store's memory lies in pages of os::kHugePageBytes.
enum class HugePages {
  kAuto,  // as far as the system can
  kOn,    // all that is large enough, or the daemon does not start
  kOff,   // left as it is
};

struct Options {
  std::string store;
  // Unset: those of an existing store, else the defaults of table::GeometryOptions.
  absl::optional<uint64_t> capacity;
  absl::optional<uint64_t> slot_bytes;
  absl::optional<uint64_t> max_value_bytes;
  absl::optional<uint64_t> extent_pool_bytes;
  absl::optional<uint64_t> extent_bytes;
  absl::optional<table::FullPolicy> full_policy;
  absl::optional<uint64_t> changes_bytes;
  absl::optional<uint32_t> mode;  // POSIX permission bits of the store's mapping; else kDefaultMode
  // The group that the mode's group bits apply to; unset: the daemon's own group.
  absl::optional<uint32_t> group;
  HugePages huge_pages = HugePages::kAuto;
  LogLevel log_level = LogLevel::kInfo;
  // Told once the daemon serves (os/notify.h).
  absl::optional<int> ready_fd;
  std::string ready_fd_source;  // how it was given, for messages: "--ready-fd"
  bool fresh = false;           // discards the entries of an existing store
  bool replace = false;         // takes the store over from the daemon that serves it
  absl::Duration replace_timeout = absl::Seconds(30);
  bool record_changes = false;  // always, and not only while they are watched
  bool keep_on_exit = false;    // a signal that stops the daemon leaves the store
  // Returns what ParseOptions() with the same arguments would return by now, or InvalidArgument.
  std::function<absl::StatusOr<Options>()> read_again;
};

// Reads the arguments after the program's name, the environment, and the file that --config names.
// Returns an exit code if the program should end: after it has printed help, the version or an
// error.
std::variant<Options, program::ExitCode> ParseOptions(std::vector<std::string> arguments);

// An option in all its forms.
struct OptionDescription {
  std::string flag;         // "--capacity"
  std::string environment;  // "CUBBYD_CAPACITY"; empty: it can only be given as a flag
  std::string key;          // in a configuration file, "capacity"; empty: the same
  std::string type;         // "N"; empty: it takes no value
  std::string fallback;     // what holds if it is not given
  std::string help;
};
std::vector<OptionDescription> DescribeOptions();

}  // namespace cubby::server

#endif  // CUBBY_SERVER_OPTIONS_H_
