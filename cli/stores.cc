// ls clean: the stores of this machine.
#include "client/stores.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/plural.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/status.h"
#include "client/leftovers.h"
#include "program/output.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

// "4711", "none", or "-" if it is not known.
std::string DaemonText(const StoreRow& row) {
  if (!row.has_daemon.has_value()) return "-";
  if (!*row.has_daemon) return "none";
  return row.daemon_pid == 0 ? "starting" : absl::StrCat(row.daemon_pid);
}

std::string NumberText(const absl::optional<uint64_t>& number) {
  return number.has_value() ? absl::StrCat(*number) : "-";
}

std::string TextOr(const std::string& text, const char* other) {
  return text.empty() ? other : text;
}

std::string ModeText(const absl::optional<uint32_t>& mode) {
  return mode.has_value() ? absl::StrFormat("%04o", *mode) : "-";
}

using Cells = std::vector<std::string>;

Cells CellsOf(const StoreRow& row) {
  std::string state = NameOf(row.state);
  if (!row.why.empty()) absl::StrAppend(&state, " (", row.why, ")");
  return {row.name,
          TextOr(row.owner, "-"),
          ModeText(row.mode),
          NumberText(row.bytes),
          NumberText(row.entries),
          DaemonText(row),
          TextOr(row.layout, "-"),
          state};
}

// Columns of the widths of their longest cells, numbers to the right.
std::string Table(const std::vector<Cells>& lines) {
  constexpr bool kToTheRight[] = {false, false, false, true, true, true, false, false};
  std::vector<size_t> widths(std::size(kToTheRight));
  for (const Cells& cells : lines) {
    for (size_t at = 0; at < cells.size(); ++at) {
      widths[at] = std::max(widths[at], cells[at].size());
    }
  }
  std::string text;
  for (const Cells& cells : lines) {
    for (size_t at = 0; at < cells.size(); ++at) {
      const std::string padding(widths[at] - cells[at].size(), ' ');
      const bool last = at + 1 == cells.size();
      absl::StrAppend(&text, kToTheRight[at] ? padding : "", cells[at],
                      kToTheRight[at] || last ? "" : padding, last ? "\n" : "  ");
    }
  }
  return text;
}

void AddNumberOrNull(const char* name, const absl::optional<uint64_t>& number, Record* record) {
  if (number.has_value()) {
    record->AddNumber(name, *number);
  } else {
    record->AddNull(name);
  }
}

void AddTextOrNull(const char* name, const std::string& text, Record* record) {
  if (text.empty()) {
    record->AddNull(name);
  } else {
    record->AddText(name, text);
  }
}

std::string JsonOf(const StoreRow& row) {
  Record record;
  record.AddText("name", row.name);
  AddTextOrNull("owner", row.owner, &record);
  AddTextOrNull("mode", row.mode.has_value() ? ModeText(row.mode) : "", &record);
  AddNumberOrNull("bytes", row.bytes, &record);
  AddNumberOrNull("entries", row.entries, &record);
  AddTextOrNull("daemon", row.has_daemon.has_value() ? (*row.has_daemon ? "runs" : "none") : "",
                &record);
  const bool runs = row.has_daemon.value_or(false) && row.daemon_pid != 0;
  AddNumberOrNull("daemon_pid", runs ? absl::make_optional(row.daemon_pid) : absl::nullopt,
                  &record);
  AddTextOrNull("layout", row.layout, &record);
  AddTextOrNull("state", row.state == StoreState::kUnknown ? "" : NameOf(row.state), &record);
  AddTextOrNull("why", row.why, &record);
  return record.ToJson();
}

// The stores to show: that of --store, or all.
absl::StatusOr<std::vector<StoreRow>> RowsOf(const StoreOptions& store_options) {
  if (!store_options.named()) return ListStores();
  absl::StatusOr<StoreRow> row = LookAtRow(store_options.store());
  if (!row.ok()) return row.status();
  return std::vector<StoreRow>{*std::move(row)};
}

ExitCode List(const StoreOptions& store_options, bool json) {
  const absl::StatusOr<std::vector<StoreRow>> rows = RowsOf(store_options);
  if (!rows.ok()) return Fail(rows.status(), Subject::kStore);
  Output out;
  if (json) {
    std::vector<std::string> objects;
    for (const StoreRow& row : *rows) objects.push_back(JsonOf(row));
    out.Write(JsonLines(objects));
    return out.Finish();
  }
  std::vector<Cells> lines = {
      {"NAME", "OWNER", "MODE", "BYTES", "ENTRIES", "DAEMON", "LAYOUT", "STATE"}};
  for (const StoreRow& row : *rows) lines.push_back(CellsOf(row));
  out.Write(Table(lines));
  return out.Finish();
}

void DefineList(Subcommand* list) {
  const auto json = std::make_shared<bool>(false);
  list->Notes(
      "Sorted by name; of --store alone if that is given ($CUBBY_STORE does not count). Opens "
      "every "
      "store\n"
      "for reading and changes none. What cannot be learned is '-' (null in JSON). OWNER is a uid "
      "(Windows:\n"
      "a SID), DAEMON the process id of its cubbyd in that one's container, or none. STATE:\n"
      "  served          a cubbyd serves it\n"
      "  kept            it has no cubbyd and stays for the next one, as --keep-on-exit says\n"
      "  left            it has no cubbyd: the one that would have removed it was killed\n"
      "  unserved        it has no cubbyd, and whether it is to stay is not known\n"
      "  retired, half made, damaged, other layout, not a store, lock file only\n\n"
      "Examples:\n  cubby ls\n  cubby ls --json | jq -r '.[].name'");
  list->AddJson(json.get(), "Print a JSON array of objects");
  list->Do(json, &List);
}

struct CleanOptions {
  bool yes = false;
  bool kept = false;
};

std::string LineOf(const char* verb, const Leftover& leftover) {
  return absl::StrCat(verb, " ", leftover.what, ": ", leftover.why);
}

ExitCode Clean(const StoreOptions& store_options, const CleanOptions& options) {
  const absl::StatusOr<std::vector<Leftover>> leftovers =
      FindLeftovers(store_options.named() ? store_options.store() : "");
  if (!leftovers.ok()) return Fail(leftovers.status(), Subject::kStore);
  Output out;
  ExitCode failed = ExitCode::kOk;
  uint64_t removable = 0;
  for (const Leftover& leftover : *leftovers) {
    if (leftover.kept && !options.kept) {
      out.Write(absl::StrCat(LineOf("keeps", leftover), " (remove it by --kept)\n"));
      continue;
    }
    ++removable;
    if (!options.yes) {
      out.Write(absl::StrCat(LineOf("would remove", leftover), "\n"));
      continue;
    }
    const absl::Status removed = RemoveLeftover(leftover);
    if (removed.ok()) {
      out.Write(absl::StrCat(LineOf("removed", leftover), "\n"));
    } else {
      const ExitCode code = absl::IsFailedPrecondition(removed)
                                ? Fail(ExitCode::kNotFound, removed.message())
                                : Fail(removed, Subject::kServing);
      if (failed == ExitCode::kOk) failed = code;
    }
  }
  if (leftovers->empty()) out.Write("nothing is left over\n");
  if (removable > 0 && !options.yes) {
    out.Write(absl::StrCat("nothing was removed: `cubby clean --yes` removes ",
                           base::OneOrMany(removable, "it", "them"), "\n"));
  }
  const ExitCode written = out.Finish();
  return failed == ExitCode::kOk ? written : failed;
}

void DefineClean(Subcommand* clean) {
  const auto options = std::make_shared<CleanOptions>();
  clean->Notes(
      "Of all your stores, or of --store alone if that is given ($CUBBY_STORE does not count): "
      "stores whose\n"
      "cubbyd was killed and that no program has open, lock files without a store, and FIFOs of "
      "killed\n"
      "programs. A store that a cubbyd left on purpose (--keep-on-exit, `cubby shutdown --keep`), "
      "or whose\n"
      "worth is not known (damaged, of another version), is removed only with --kept. A program of "
      "another\n"
      "user that only reads is not seen: it finds the store shut down. On Windows nothing is ever "
      "left.\n"
      "Exit code 0: all was removed, or would be; 1: something is in use by now and stays.\n\n"
      "Examples:\n  cubby clean                         # prints what it would remove\n"
      "  cubby clean --yes\n  cubby clean -s sessions --kept --yes");
  clean->AddFlag("--yes", &options->yes, "Remove it; else only print what would be removed");
  clean->AddFlag("--kept", &options->kept, "Also stores that were left on purpose");
  clean->Do(options, &Clean);
}

constexpr Command kCommands[] = {
    {"ls", "Print all stores: owner, mode, bytes, entries, daemon, layout", &DefineList},
    {"clean", "Remove what no living process uses; without --yes only print it", &DefineClean},
};

}  // namespace

absl::Span<const Command> StoresCommands() { return kCommands; }

}  // namespace cubby::cli
