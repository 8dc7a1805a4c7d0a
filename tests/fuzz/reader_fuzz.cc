// Whether gets and scans of damaged bytes end, stay inside, change nothing, and agree.
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "table/changes.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/scan.h"
#include "tests/fuzz/damaged_table.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/input.h"

namespace cubby::fuzz {
namespace {

using table::Outcome;

void GetWithEachSink(const table::Table& table, absl::string_view key) {
  const table::Reader reader(table, FuzzedNow);
  table::Found found;
  std::string value;
  const Outcome outcome = reader.Get(key, table::StringSink(&value), &found);
  // There is no writer: no get is disturbed.
  Require(outcome != Outcome::kContended && outcome != Outcome::kTooSmall,
          "a get of still bytes finds, misses, or meets damage");

  table::Found presence;
  std::string in_rounds;
  Require(reader.GetInRounds(key, table::StringSink(&in_rounds), &presence) == outcome,
          "the fast path finds what rounds find");
  Require(outcome != Outcome::kFound ||
              (in_rounds == value && presence.value_bytes == found.value_bytes &&
               presence.revision == found.revision && presence.expiry_ns == found.expiry_ns),
          "the fast path finds what rounds find");

  const Outcome present = reader.Get(key, table::NoSink(), &presence);
  if (outcome != Outcome::kFound) {
    // A broken chain of extents is seen only by those who follow it.
    Require(present == outcome || outcome == Outcome::kDamaged,
            "sinks agree on whether a key is there");
    return;
  }
  Require(present == Outcome::kFound && presence.revision == found.revision,
          "sinks agree on what is there");
  Require(value.size() == found.value_bytes && value.size() <= table.geometry().max_value_bytes,
          "a value is as long as its entry says, and within the limit");
  const ExactMemory buffer(value.size());
  const Outcome copied =
      reader.Get(key, table::BufferSink(buffer.data(), buffer.size()), &presence);
  Require(copied == Outcome::kFound && std::memcmp(buffer.data(), value.data(), value.size()) == 0,
          "a value is the same in each kind of sink");
  if (value.empty()) return;
  Require(reader.Get(key, table::BufferSink(buffer.data(), value.size() - 1), &presence) ==
              Outcome::kTooSmall,
          "a buffer that is a byte too small is");
}

// Each record once, and then overruns that lead to the end.
void FollowChanges(const table::Table& table) {
  const uint64_t lost = table.fixed().changes.lost.load(std::memory_order_relaxed);
  for (table::ChangeFollower follower :
       {table::ChangeFollower(table), table::ChangeFollower(table, lost)}) {
    table::ChangeFollower::Change change;
    uint64_t told = 0;
    for (int overruns = 0; overruns < 3;) {
      const table::ChangeFollower::Outcome outcome = follower.Next(&change);
      if (outcome == table::ChangeFollower::Outcome::kNone ||
          outcome == table::ChangeFollower::Outcome::kOff) {
        break;
      }
      if (outcome == table::ChangeFollower::Outcome::kOverrun) {
        ++overruns;
        follower.Resume();
        continue;
      }
      Require(!change.key.empty() && change.key.size() <= table.geometry().max_key_bytes,
              "a change has a key within the limit");
      Require(++told <= 3 * table.geometry().changes_bytes / table::ChangeBytes(1),
              "a ring of still bytes ends");
    }
  }
}

}  // namespace

void Reader(absl::string_view bytes) {
  Input input(bytes);
  const absl::optional<DamagedTable> damaged = DamagedTable::Make(&input);
  if (!damaged.has_value()) return;
  const table::Table& table = damaged->table();
  const std::string before(damaged->memory().data(), damaged->memory().size());
  SetFuzzedNow(input.Byte() * uint64_t{8});
  for (const std::string& key : Keys()) GetWithEachSink(table, key);
  GetWithEachSink(table, input.Rest());

  FollowChanges(table);

  std::vector<table::ScannedEntry> entries;
  for (uint64_t bucket = 0; bucket < table.geometry().bucket_count; ++bucket) {
    const Outcome outcome = table::ScanHome(table, bucket, &entries, FuzzedNow);
    Require(outcome == Outcome::kFound || outcome == Outcome::kDamaged,
            "a scan of still bytes succeeds, or meets damage");
  }
  Require(std::memcmp(before.data(), damaged->memory().data(), before.size()) == 0,
          "readers change nothing");
}

}  // namespace cubby::fuzz
