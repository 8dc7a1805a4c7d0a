// A writer of a kill storm: notes what it is about to do (storm_notes.h), does it, and notes that
// it has, until it is killed. Writers with odd numbers put several values in a call where they can.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "table/layout.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/shared.h"
#include "tests/torture/patient_store.h"
#include "tests/torture/storm_notes.h"

namespace cubby {
namespace {

// Plans made at a time: between them then is little but operations to be killed in.
constexpr int kPlans = 200;

struct Plan {
  int own;  // which of the writer's own keys; -1: a common one
  uint64_t note;
  std::string key;
  std::string value;
};

Plan MakePlan(uint64_t choice, int writer, test::WriterNotes* notes) {
  if (choice % 4 == 0) {
    const std::string key = test::CommonKey((choice >> 8) % test::kCommonKeys);
    return {-1, 0, key, test::CheckedValue(key, choice, test::kMaxStormValue)};
  }
  const int i = static_cast<int>((choice >> 8) % test::kOwnKeys);
  const std::string key = test::OwnKey(writer, i);
  const uint64_t number = notes->next_number[i].fetch_add(1) + 1;
  const bool remove = number > 1 && choice % 4 == 1;
  return {i, number << 1 | (remove ? test::kDeleted : 0), key,
          test::CheckedValue(key, number, test::kMaxStormValue)};
}

bool Deletes(const Plan& plan) { return plan.own >= 0 && (plan.note & test::kDeleted) != 0; }

// Returns how many of the plans, from the first on, fit one call: one delete, or puts of different
// keys.
size_t FitOneCall(absl::Span<const Plan> plans) {
  size_t count = 1;
  const auto joins = [&] {
    if (count == plans.size() || Deletes(plans[0]) || Deletes(plans[count])) return false;
    return std::none_of(plans.begin(), plans.begin() + count,
                        [&](const Plan& one) { return one.key == plans[count].key; });
  };
  while (joins()) ++count;
  return count;
}

// Does all of them in one call.
absl::Status Do(absl::Span<const Plan> plans, Store* store) {
  if (Deletes(plans[0])) {
    const absl::Status status = store->Delete(plans[0].key);
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }
  if (plans.size() == 1) return store->Put(plans[0].key, plans[0].value).status();
  std::vector<absl::string_view> keys, values;
  for (const Plan& plan : plans) {
    keys.emplace_back(plan.key);
    values.emplace_back(plan.value);
  }
  std::vector<absl::StatusOr<uint64_t>> results(plans.size());
  absl::Status status = store->MultiPut(keys, values, absl::MakeSpan(results));
  for (const absl::StatusOr<uint64_t>& result : results) status.Update(result.status());
  return status;
}

// Returns only on an error.
absl::Status DoUntilKilled(int writer, uint64_t seed, test::WriterNotes* notes, Store* store) {
  std::mt19937_64 random(seed);
  const auto note = [notes](std::atomic<uint64_t>(test::WriterNotes::*where)[test::kOwnKeys],
                            absl::Span<const Plan> plans) {
    for (const Plan& plan : plans) {
      if (plan.own >= 0) (notes->*where)[plan.own].store(plan.note);
    }
  };
  std::vector<Plan> plans;
  for (;;) {
    plans.clear();
    for (int i = 0; i < kPlans; ++i) plans.push_back(MakePlan(random(), writer, notes));
    for (size_t at = 0; at < plans.size();) {
      const auto rest = absl::MakeConstSpan(plans).subspan(at);
      const auto now = rest.first(writer % 2 == 1 ? FitOneCall(rest) : 1);
      note(&test::WriterNotes::begun, now);
      const absl::Status status = Do(now, store);
      if (!status.ok()) return status;
      note(&test::WriterNotes::done, now);
      at += now.size();
    }
  }
}

// A process that opens the store for writing raises one of these: its seat's.
std::vector<uint32_t> Incarnations(const table::FixedPart& fixed) {
  std::vector<uint32_t> incarnations;
  for (const auto& of_seat : fixed.incarnations.of_seat) incarnations.push_back(of_seat.load());
  return incarnations;
}

// args: store, the name of StormNotes, the writer's number, seed.
CUBBY_CHILD(StormWriter) {
  const auto notes = test::SharedView<test::StormNotes>::Open(args[1]);
  const auto fixed = test::SharedView<const table::FixedPart>::Open(args[0]);
  int writer = 0;
  if (!notes.ok() || !fixed.ok() || !absl::SimpleAtoi(args[2], &writer)) return 2;
  test::WriterNotes& own = (*notes)->writers[writer];
  const std::vector<uint32_t> before = Incarnations(**fixed);
  const absl::StatusOr<std::unique_ptr<Store>> store = test::OpenPatiently(args[0]);
  if (!store.ok()) return 2;
  const std::vector<uint32_t> after = Incarnations(**fixed);
  const auto changed = std::mismatch(before.begin(), before.end(), after.begin());
  own.seat = static_cast<uint64_t>(changed.first - before.begin()) + 1;
  test::ReportReady();
  const absl::Status status =
      DoUntilKilled(writer, std::strtoull(args[3].c_str(), nullptr, 10), &own, store->get());
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

}  // namespace
}  // namespace cubby
