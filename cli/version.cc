// version: prints the version of this command; needs no store.
#include "base/version.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/cli.h"
#include "cli/output.h"

namespace cubby::cli {
namespace {

void DefineVersion(Subcommand* version) {
  const auto json = std::make_shared<bool>(false);
  version->Notes("Example:\n  cubby version");
  version->AddJson(json.get());
  version->Do([json](const StoreOptions&) {
    Output out;
    out.Write(*json ? absl::StrCat(Record().AddText("version", base::kVersion).ToJson(), "\n")
                    : absl::StrCat("cubby ", base::kVersion, "\n"));
    return out.Finish();
  });
}

constexpr Command kCommands[] = {
    {"version", "Print the version of this command (`cubby info`: the daemon's)", &DefineVersion},
};

}  // namespace

absl::Span<const Command> VersionCommands() { return kCommands; }

}  // namespace cubby::cli
