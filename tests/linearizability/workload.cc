#include "tests/linearizability/workload.h"

#include <cstddef>
#include <iterator>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "tests/linearizability/recording.h"
#include "tests/support/checked_value.h"

namespace cubby::test {
namespace {

constexpr size_t kShortValue = 120;      // at most; most of them fit their slot
constexpr size_t kLongValue = 60 << 10;  // at most; one in four, and more

Plan MakePlan(uint64_t choice, uint32_t key, uint64_t number, size_t max_bytes) {
  static constexpr Kind kMix[] = {
      Kind::kGet, Kind::kGet,     Kind::kGet,     Kind::kGet,    Kind::kGet,    Kind::kGet,
      Kind::kGet, Kind::kPut,     Kind::kPut,     Kind::kPut,    Kind::kAdd,    Kind::kAdd,
      Kind::kAdd, Kind::kReplace, Kind::kReplace, Kind::kDelete, Kind::kDelete, Kind::kDelete};
  Plan plan;
  plan.kind = kMix[choice % std::size(kMix)];
  plan.key = key;
  plan.number = number;
  if (plan.kind != Kind::kGet && plan.kind != Kind::kDelete) {
    plan.value = CheckedValue(NameOf(plan.key), number, max_bytes);
    if (HasTtl(number)) plan.options.ttl = absl::Hours(1);
  }
  return plan;
}

}  // namespace

std::string NameOf(uint32_t key) { return KeyOf(key) + std::string(key % 2 == 0 ? 0 : 150, '-'); }

std::vector<Plan> MakePlans(const Workload& workload, uint32_t first) {
  std::mt19937_64 random(workload.seed + ValueNumber(workload.history, workload.role, first));
  std::vector<Plan> plans;
  for (uint32_t i = first; i < kRecords; ++i) {
    // Between two meetings all roles are mostly at one key.
    const uint64_t crowded = (i / kRecordsToMeeting) % workload.keys;
    const uint64_t choice = random();
    const uint64_t key = random() % 4 != 0 ? crowded : random() % workload.keys;
    const bool is_long = random() % 4 == 0 || i >= workload.fatal;
    plans.push_back(MakePlan(choice, static_cast<uint32_t>(key),
                             ValueNumber(workload.history, workload.role, i),
                             is_long ? kLongValue : kShortValue));
  }
  return plans;
}

}  // namespace cubby::test
