// doctor: prints what the checks find.
#include "cli/doctor.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/status.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

const char* NameOf(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kNote:
      return "note";
    case Level::kBad:
      return "bad";
  }
  return "";
}

std::string LinesOf(const Check& check, const Finding& finding) {
  const std::string level = NameOf(finding.level);
  std::string lines =
      absl::StrCat(level, std::string(6 - level.size(), ' '), check.name, ": ", finding.seen, "\n");
  if (!finding.remedy.empty()) absl::StrAppend(&lines, "      ", finding.remedy, "\n");
  return lines;
}

std::string JsonOf(const Check& check, const Finding& finding) {
  return Record()
      .AddText("check", check.name)
      .AddText("level", NameOf(finding.level))
      .AddText("seen", finding.seen)
      .AddText("remedy", finding.remedy)
      .ToJson();
}

ExitCode Doctor(const StoreOptions& store_options, bool json) {
  const Surroundings here = Here(store_options.store(), store_options.owner());
  Output out;
  std::vector<std::string> objects;
  uint64_t all = 0;
  uint64_t bad = 0;
  for (const absl::Span<const Check> checks : {SystemChecks(), Checks()}) {
    for (const Check& check : checks) {
      const Finding finding = check.look(here);
      ++all;
      bad += finding.level == Level::kBad ? 1 : 0;
      if (json) {
        objects.push_back(JsonOf(check, finding));
      } else {
        out.Write(LinesOf(check, finding));
      }
    }
  }
  if (json) out.Write(JsonLines(objects));
  const ExitCode written = out.Finish();
  if (bad == 0) return written;
  return Fail(ExitCode::kNotFound,
              absl::StrCat(bad, " of ", all, base::OneOrMany(bad, " checks is", " checks are"),
                           " bad: do what is said there"));
}

void DefineDoctor(Subcommand* doctor) {
  const auto json = std::make_shared<bool>(false);
  doctor->Notes(
      "Prints a line for each check: ok, note or bad, and what was seen; below a note or bad one "
      "what to do.\n"
      "With a store ($CUBBY_STORE counts) it also checks that one, and that there is room for its "
      "size.\n"
      "Needs no daemon and no privileges, and changes nothing. Exit code 1 if a check is bad.\n\n"
      "Examples:\n  cubby doctor\n  cubby doctor -s sessions\n"
      "  cubby doctor --json | jq -r '.[] | select(.level == \"bad\").remedy'");
  doctor->AddJson(json.get(), "Print a JSON array of objects: check, level, seen, remedy");
  doctor->Do(json, &Doctor);
}

constexpr Command kCommands[] = {
    {"doctor", "Check the machine, your rights and the store; exit code 1 if something is bad",
     &DefineDoctor},
};

}  // namespace

absl::Span<const Command> DoctorCommands() { return kCommands; }

}  // namespace cubby::cli
