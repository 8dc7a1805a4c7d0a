// ping info stats flush check shutdown: requests to the daemon.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/openmetrics.h"
#include "base/plural.h"
#include "base/property.h"
#include "base/stats.h"
#include "cli/cli.h"
#include "cli/key_list.h"
#include "cli/many.h"
#include "cli/output.h"
#include "cli/status.h"
#include "program/output.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

ExitCode Ping(const StoreOptions& store_options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::Time asked = absl::Now();
  const absl::Status status = (*admin)->Ping();
  const absl::Duration took = absl::Now() - asked;
  if (!status.ok()) return Fail(status, Subject::kDaemon);
  Output out;
  out.Write(absl::StrFormat("%s answers, in %.3f ms\n", store_options.store(),
                            absl::ToDoubleMilliseconds(took)));
  return out.Finish();
}

// The store of a daemon that cannot be asked because of `why`, which is printed. Returns null, with
// nothing printed, if the store cannot be read either, or `why` is about something else.
std::unique_ptr<Store> OpenInstead(const StoreOptions& store_options, const absl::Status& why) {
  if (!absl::IsUnavailable(why) && !absl::IsPermissionDenied(why)) return nullptr;
  absl::StatusOr<std::unique_ptr<Store>> store = store_options.Open(Mode::kReadOnly);
  if (!store.ok()) return nullptr;
  program::PrintMessage("cubby",
                        absl::StrCat(why.message(), " (this is what the store itself tells)"));
  return *std::move(store);
}

void Add(const std::vector<Property>& properties, Record* record) {
  for (const Property& property : properties) {
    if (const auto* number = std::get_if<uint64_t>(&property.value)) {
      record->AddNumber(property.name, *number);
    } else {
      record->AddText(property.name, std::get<std::string>(property.value));
    }
  }
}

ExitCode Info(const StoreOptions& store_options, bool json) {
  Record record;
  const auto admin = store_options.Connect();
  if (!admin.ok()) {
    const std::unique_ptr<Store> store = OpenInstead(store_options, admin.status());
    if (store == nullptr) return Fail(admin.status(), Subject::kDaemon);
    record.AddText("store", store->name());
    Add(store->Properties(), &record);
    return Print(record, json);
  }
  const absl::StatusOr<DaemonInfo> info = (*admin)->Info();
  if (!info.ok()) return Fail(info.status(), Subject::kDaemon);
  record.AddText("store", info->store)
      .AddText("version", info->version)
      .AddNumber("pid", info->pid)
      .AddSeconds("uptime_seconds", info->uptime);
  Add(info->properties, &record);
  return Print(record, json);
}

std::vector<Number> NumbersOf(const StoreStats& stats) {
  std::vector<Number> numbers;
  for (const StatsField<StoreStats>& field : kStoreStatsFields) {
    numbers.push_back({field.name, field.kind, field.unit, field.help, stats.*field.value});
  }
  return numbers;
}

absl::StatusOr<std::vector<Number>> StatsOf(const StoreOptions& store_options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) {
    const std::unique_ptr<Store> store = OpenInstead(store_options, admin.status());
    if (store == nullptr) return admin.status();
    return NumbersOf(store->Stats());
  }
  absl::StatusOr<DaemonStats> stats = (*admin)->Stats();
  if (!stats.ok()) return stats.status();
  return std::move(stats->numbers);
}

struct StatsOptions {
  bool json = false;
  bool openmetrics = false;
};

ExitCode Stats(const StoreOptions& store_options, const StatsOptions& options) {
  if (options.json && options.openmetrics) {
    return Fail(ExitCode::kUsage, "--json and --openmetrics exclude each other: give one of them");
  }
  const absl::StatusOr<std::vector<Number>> numbers = StatsOf(store_options);
  if (!numbers.ok()) return Fail(numbers.status(), Subject::kDaemon);
  if (options.openmetrics) {
    Output out;
    out.Write(base::OpenMetrics(store_options.store(), *numbers));
    return out.Finish();
  }
  Record record;
  for (const Number& number : *numbers) record.AddNumber(number.name, number.value);
  return Print(record, options.json);
}

void DefineStats(Subcommand* stats) {
  const auto options = std::make_shared<StatsOptions>();
  stats->Notes(
      "docs/reference.md says what each number is.\n\n"
      "Examples:\n  cubby stats -s sessions\n  cubby stats -s sessions --json\n"
      "  cubby stats -s sessions --openmetrics");
  stats->AddJson(&options->json);
  stats->AddFlag("--openmetrics", &options->openmetrics,
                 "In the OpenMetrics text format, for Prometheus and others");
  stats->Do(options, &Stats);
}

ExitCode Flush(const StoreOptions& store_options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::StatusOr<uint64_t> removed = (*admin)->Flush();
  if (!removed.ok()) return Fail(removed.status(), Subject::kDaemon);
  Output out;
  out.Write(
      absl::StrCat("removed ", *removed, base::OneOrMany(*removed, " entry\n", " entries\n")));
  return out.Finish();
}

void DefineFlush(Subcommand* flush) {
  const auto prefix = std::make_shared<PrefixOptions>();
  flush->Notes(
      "Writers continue: an entry put during the flush may be removed or kept. If the flush fails "
      "or\n"
      "times out, some entries may be removed and others kept.\n"
      "With --prefix it is `cubby del --prefix`: this command removes the entries itself, needs no "
      "daemon,\n"
      "and takes the time of a walk through the whole store.\n\n"
      "Examples:\n  cubby flush -s sessions\n  cubby flush -s sessions --prefix user:");
  AddOnlyPrefix(flush, prefix.get());
  flush->Do(prefix, [](const StoreOptions& store_options, const PrefixOptions& options) {
    return options.word.has_value() ? RemovePrefix(store_options, options) : Flush(store_options);
  });
}

ExitCode Check(const StoreOptions& store_options, bool json) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::StatusOr<CheckReport> report = (*admin)->Check();
  if (!report.ok()) return Fail(report.status(), Subject::kDaemon);
  const ExitCode printed =
      Print(Record()
                .AddList("problems", report->problems)
                .AddNumber("more_problems", report->more_problems)
                .AddNumber("entries", report->entries)
                .AddNumber("extents_in_use", report->extents_in_use)
                .AddNumber("loose_overflow_counts", report->loose_overflow_counts),
            json);
  const uint64_t problems = report->problems.size() + report->more_problems;
  if (problems == 0) return printed;
  return Fail(ExitCode::kCorrupt,
              absl::StrCat("store ", store_options.store(), " has ", problems,
                           base::OneOrMany(problems, " broken invariant", " broken invariants"),
                           ": save readable entries with `cubby scan`, then restart "
                           "its cubbyd with --fresh"));
}

ExitCode Shutdown(const StoreOptions& store_options, const ShutdownOptions& options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::Status status = (*admin)->Shutdown(options);
  return status.ok() ? ExitCode::kOk : Fail(status, Subject::kDaemon);
}

void DefineReport(Subcommand* subcommand, const char* name, const char* notes,
                  ExitCode (*run)(const StoreOptions&, bool json)) {
  const auto json = std::make_shared<bool>(false);
  subcommand->Notes(absl::StrCat(notes, "Examples:\n  cubby ", name, " -s sessions\n  cubby ", name,
                                 " -s sessions --json"));
  subcommand->AddJson(json.get());
  subcommand->Do(json, run);
}

void DefineShutdown(Subcommand* shutdown) {
  const auto options = std::make_shared<ShutdownOptions>();
  shutdown->Notes(
      "Examples:\n  cubby shutdown -s sessions\n"
      "  cubby shutdown -s sessions --keep && cubbyd --store sessions   # another cubbyd, the same "
      "entries");
  shutdown->AddFlag("--keep", &options->keep,
                    "Keep the store and its entries for the next cubbyd; gets and puts go on\n"
                    "meanwhile (Windows: while a program has it open)");
  shutdown->Do(options, &Shutdown);
}

constexpr Command kCommands[] = {
    {"ping", "Check that the daemon answers, and print the time it took",
     [](Subcommand* ping) {
       ping->Notes("Example:\n  cubby ping -s sessions");
       ping->Do(&Ping);
     }},
    {"info", "Print the version, geometry and limits of store and daemon",
     [](Subcommand* info) { DefineReport(info, "info", "", &Info); }},
    {"stats", "Print counters of entries and operations", &DefineStats},
    {"flush", "Remove all entries and print their number", &DefineFlush},
    {"check", "Print every violated invariant of the store; exit code 8 if there is one",
     [](Subcommand* check) {
       DefineReport(
           check, "check",
           "Prints a line for each problem, and the number of those beyond 100 as more_problems. A "
           "sound store has\n"
           "none, and the exit code is 0. loose_overflow_counts are no problem: killed writers "
           "leave them, and gets of\n"
           "absent keys are slower for them.\n"
           "Writers wait during a check, about 0.1 s per million entries (a put fails after its\n"
           "--timeout); readers do not wait.\n\n",
           &Check);
     }},
    {"shutdown", "Stop the daemon and remove the store with all entries", &DefineShutdown},
};

}  // namespace

absl::Span<const Command> AdminCommands() { return kCommands; }

}  // namespace cubby::cli
