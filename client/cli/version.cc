// version: what this command is, with no store needed.
#include "os/version.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/cli.h"
#include "client/cli/output.h"

namespace cubby::cli {

void AddVersionCommand(Cli* cli) {
  const auto json = std::make_shared<bool>(false);
  CLI::App* const command = cli->Add(
      "version", "Print the version of this command; `cubby info` prints the daemon's",
      "Example:\n  cubby version", [json](const StoreOptions&) {
        Output out;
        out.Write(*json ? absl::StrCat(Record().AddText("version", os::kVersion).ToJson(), "\n")
                        : absl::StrCat("cubby ", os::kVersion, "\n"));
        return out.Finish();
      });
  command->add_flag("--json", *json, "As a JSON object");
}

}  // namespace cubby::cli
