// A reader of a kill storm: whatever happens to writers, a get of a common key, which is always
// there, gives a whole value or says that it was contended.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/torture/patient_store.h"
#include "tests/torture/storm_notes.h"

namespace cubby {
namespace {

// args: store, seed. Gets until its input ends; prints how often.
CUBBY_CHILD(StormReader) {
  const absl::StatusOr<std::unique_ptr<Store>> store =
      test::OpenPatiently(args[0], Mode::kReadOnly);
  if (!store.ok()) return 2;
  std::mt19937_64 random(std::strtoull(args[1].c_str(), nullptr, 10));
  const std::atomic<bool>& stop = test::InputEnded();
  test::ReportReady();
  uint64_t gets = 0, contended = 0, wrong = 0;
  absl::Status last;
  std::string value;
  for (; !stop; ++gets) {
    const std::string key = test::CommonKey(random() % test::kCommonKeys);
    absl::Status status = (*store)->Get(key, &value).status();
    if (status.ok() && !test::IsCheckedValue(key, value)) status = absl::DataLossError("torn");
    if (absl::IsUnavailable(status)) {  // allowed
      ++contended;
    } else if (!status.ok()) {
      ++wrong;
      last = status;
    }
  }
  std::printf("%llu gets, %llu contended, %llu wrong%s%s\n", static_cast<unsigned long long>(gets),
              static_cast<unsigned long long>(contended), static_cast<unsigned long long>(wrong),
              wrong != 0 ? ", the last: " : "", std::string(last.message()).c_str());
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cubby
