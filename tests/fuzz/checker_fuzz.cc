// Whether a check of damaged bytes ends, stays inside and changes nothing, and whether all is there
// in what it calls sound.
#include <cstring>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "table/changes.h"
#include "table/checker.h"
#include "table/scan.h"
#include "tests/fuzz/damaged_table.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {

void Checker(absl::string_view bytes) {
  Input input(bytes);
  const absl::optional<DamagedTable> damaged = DamagedTable::Make(&input);
  if (!damaged.has_value()) return;
  const table::Table& table = damaged->table();
  const std::string before(damaged->memory().data(), damaged->memory().size());
  const table::CheckResult result = table::Check(table);
  Require(std::memcmp(before.data(), damaged->memory().data(), before.size()) == 0,
          "a check changes nothing");
  Require(result.problems.size() <= table::kMaxProblems, "a check lists no more than its limit");
  if (!result.sound()) return;

  SetFuzzedNow(0);  // nothing has expired
  uint64_t found = 0;
  std::vector<table::ScannedEntry> entries;
  const table::Reader reader(table, FuzzedNow);
  for (uint64_t bucket = 0; bucket < table.geometry().bucket_count; ++bucket) {
    Require(table::ScanHome(table, bucket, &entries, FuzzedNow) == table::Outcome::kFound,
            "a sound table can be read");
    for (const table::ScannedEntry& entry : entries) {
      ++found;
      std::string value;
      table::Found ignored;
      Require(
          reader.Get(entry.key, table::StringSink(&value), &ignored) == table::Outcome::kFound &&
              value == entry.value,
          "each entry of a sound table is found by its key");
    }
  }
  Require(found == result.entries, "a sound table has the entries it says");
  table::ChangeFollower follower(table, table.fixed().changes.lost.load());
  table::ChangeFollower::Change change;
  table::ChangeFollower::Outcome outcome;
  while ((outcome = follower.Next(&change)) == table::ChangeFollower::Outcome::kChange) {
  }
  Require(outcome != table::ChangeFollower::Outcome::kOverrun, "a sound ring is told whole");
}

}  // namespace cubby::fuzz
