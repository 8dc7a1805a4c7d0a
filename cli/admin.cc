// ping info stats flush check shutdown: requests to the daemon.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/status.h"

namespace cubby::cli {
namespace {

using program::ExitCode;

ExitCode Print(const Record& record, bool json) {
  Output out;
  out.Write(json ? absl::StrCat(record.ToJson(), "\n") : record.ToLines());
  return out.Finish();
}

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

ExitCode Info(const StoreOptions& store_options, bool json) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::StatusOr<DaemonInfo> info = (*admin)->Info();
  if (!info.ok()) return Fail(info.status(), Subject::kDaemon);
  const Geometry& geometry = info->geometry;
  return Print(Record()
                   .AddText("store", info->store)
                   .AddText("version", info->version)
                   .AddNumber("pid", info->pid)
                   .AddSeconds("uptime_seconds", info->uptime)
                   .AddText("created", absl::FormatTime(absl::RFC3339_sec, geometry.created,
                                                        absl::UTCTimeZone()))
                   .AddText("full_policy", info->full_policy)
                   .AddNumber("capacity", geometry.capacity)
                   .AddNumber("max_key_bytes", geometry.max_key_bytes)
                   .AddNumber("max_value_bytes", geometry.max_value_bytes)
                   .AddNumber("max_inline_bytes", geometry.max_inline_bytes)
                   .AddNumber("slot_bytes", geometry.slot_bytes)
                   .AddNumber("ways", geometry.ways)
                   .AddNumber("bucket_count", geometry.bucket_count)
                   .AddNumber("extent_bytes", geometry.extent_bytes)
                   .AddNumber("extent_count", geometry.extent_count)
                   .AddNumber("total_bytes", geometry.total_bytes)
                   .AddNumber("huge_page_bytes", info->huge_page_bytes)
                   .AddNumber("bytes_per_entry",
                              (geometry.total_bytes + geometry.capacity - 1) / geometry.capacity)
                   .AddNumber("generation", geometry.generation)
                   .AddNumber("layout_major", geometry.layout_major)
                   .AddNumber("layout_minor", geometry.layout_minor),
               json);
}

ExitCode Stats(const StoreOptions& store_options, bool json) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::StatusOr<DaemonStats> stats = (*admin)->Stats();
  if (!stats.ok()) return Fail(stats.status(), Subject::kDaemon);
  const StoreStats& store = stats->store;
  return Print(Record()
                   .AddNumber("entries", store.entries)
                   .AddNumber("expiring", store.expiring)
                   .AddNumber("revision", store.revision)
                   .AddNumber("puts", store.puts)
                   .AddNumber("deletes", store.deletes)
                   .AddNumber("expired", store.expired)
                   .AddNumber("lock_takeovers", store.lock_takeovers)
                   .AddNumber("repairs", store.repairs)
                   .AddNumber("extents_in_use", store.extents_in_use)
                   .AddNumber("requests", stats->requests)
                   .AddNumber("rejected_frames", stats->rejected_frames),
               json);
}

ExitCode Flush(const StoreOptions& store_options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::StatusOr<uint64_t> removed = (*admin)->Flush();
  if (!removed.ok()) return Fail(removed.status(), Subject::kDaemon);
  Output out;
  out.Write(absl::StrCat("removed ", *removed, *removed == 1 ? " entry\n" : " entries\n"));
  return out.Finish();
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
  return Fail(
      ExitCode::kCorrupt,
      absl::StrCat("store ", store_options.store(), " has ", problems,
                   " broken invariants: save readable entries with `cubby scan`, then restart "
                   "its cubbyd with --fresh"));
}

ExitCode Shutdown(const StoreOptions& store_options) {
  const auto admin = store_options.Connect();
  if (!admin.ok()) return Fail(admin.status(), Subject::kDaemon);
  const absl::Status status = (*admin)->Shutdown();
  return status.ok() ? ExitCode::kOk : Fail(status, Subject::kDaemon);
}

void DefineReport(Subcommand* subcommand, const char* name, const char* notes,
                  ExitCode (*run)(const StoreOptions&, bool json)) {
  const auto json = std::make_shared<bool>(false);
  subcommand->Notes(absl::StrCat(notes, "Examples:\n  cubby ", name, " -s sessions\n  cubby ", name,
                                 " -s sessions --json"));
  subcommand->AddFlag("--json", json.get(), kJsonHelp);
  subcommand->Do([json, run](const StoreOptions& store) { return run(store, *json); });
}

void DefinePlain(Subcommand* subcommand, const char* notes, ExitCode (*run)(const StoreOptions&)) {
  subcommand->Notes(notes);
  subcommand->Do(run);
}

constexpr Command kCommands[] = {
    {"ping", "Check that the daemon answers, and print the time it took",
     [](Subcommand* ping) { DefinePlain(ping, "Example:\n  cubby ping -s sessions", &Ping); }},
    {"info", "Print the version, geometry and limits of store and daemon",
     [](Subcommand* info) { DefineReport(info, "info", "", &Info); }},
    {"stats", "Print counters of entries and operations",
     [](Subcommand* stats) { DefineReport(stats, "stats", "", &Stats); }},
    {"flush", "Remove all entries and print their number",
     [](Subcommand* flush) {
       DefinePlain(
           flush,
           "Writers continue: an entry put during the flush may be removed or kept. If the flush "
           "fails or\n"
           "times out, some entries may be removed and others kept.\n\n"
           "Example:\n  cubby flush -s sessions",
           &Flush);
     }},
    {"check", "Print every violated invariant of the store; exit code 8 if there is one",
     [](Subcommand* check) {
       DefineReport(
           check, "check",
           "Writers wait during a check, about 0.1 s per million entries (a put fails after its\n"
           "--timeout); readers do not wait.\n\n",
           &Check);
     }},
    {"shutdown", "Stop the daemon and remove the store with all entries",
     [](Subcommand* shutdown) {
       DefinePlain(shutdown, "Example:\n  cubby shutdown -s sessions", &Shutdown);
     }},
};

}  // namespace

absl::Span<const Command> AdminCommands() { return kCommands; }

}  // namespace cubby::cli
