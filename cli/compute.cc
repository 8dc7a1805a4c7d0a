#include "cli/compute.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/status.h"
#include "os/shell.h"

namespace cubby::cli {

void AddOrRun(Subcommand* subcommand, OrRunOptions* options) {
  subcommand->AddText("--or-run", "COMMAND", &options->command,
                      "If the key has no entry, run this command of the shell: what it prints\n"
                      "is the value, which is put. Of processes that miss the key at once one\n"
                      "runs it, the others wait for the value");
  subcommand->AddDuration("--ttl", &options->compute.ttl,
                          "The lifetime of a value that --or-run puts [inf]");
  subcommand->AddDuration("--stale", &options->compute.stale,
                          "With --or-run: keep the value for this long after its lifetime, and\n"
                          "print such a value while another process runs the command [0]");
  subcommand->AddDuration("--lease", &options->compute.lease,
                          "With --or-run: how long a run of the command may take. Others wait so\n"
                          "long for this one, and this one for each of theirs, and then run it\n"
                          "too: the shorter of both counts [1m]");
}

absl::Status CheckOrRun(const OrRunOptions& options) {
  if (options.command == "") {
    return absl::InvalidArgumentError(
        "the command of --or-run is empty: give one that prints the value");
  }
  const ComputeOptions defaults;
  if (options.given() ||
      (options.compute.ttl == defaults.ttl && options.compute.stale == defaults.stale &&
       options.compute.lease == defaults.lease)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "--ttl, --stale and --lease are for --or-run: give it too, or `cubby touch` for a new "
      "lifetime");
}

absl::StatusOr<Computed> GetOrRun(Store& store, const OrRunOptions& options, absl::string_view key,
                                  std::string* value) {
  const uint64_t max_bytes = store.limits().max_value_bytes;
  const auto run = [&options, key, max_bytes]() -> absl::StatusOr<std::string> {
    std::string output;
    const absl::Status status = os::RunShell(*options.command, max_bytes, &output);
    if (status.ok()) return output;
    return absl::Status(status.code(),
                        absl::StrCat("no value for the key '", key, "': ", status.message()));
  };
  ASSIGN_OR_RETURN(const Computed computed, store.GetOrCompute(key, options.compute, run, value));
  if (!computed.stored.ok()) {
    PrintMessage(absl::StrCat("the value is not stored: ", computed.stored.message()));
  }
  return computed;
}

absl::string_view NameOf(Computed::Source source) {
  switch (source) {
    case Computed::Source::kFound:
      return "found";
    case Computed::Source::kStale:
      return "stale";
    case Computed::Source::kComputed:
      return "computed";
  }
  return "";
}

}  // namespace cubby::cli
