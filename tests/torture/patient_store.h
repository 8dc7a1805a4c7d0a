// Stores opened by processes that crowd: a call that waits for the writer lock waits a minute, far
// longer than it takes the others to go on, so that only a writer that is stuck fails.
#ifndef CUBBY_TESTS_TORTURE_PATIENT_STORE_H_
#define CUBBY_TESTS_TORTURE_PATIENT_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/store.h"

namespace cubby::test {

// A process or a call that has not gone on by then is stuck.
inline constexpr absl::Duration kStuck = absl::Seconds(60);

// Errors are those of Store::Open.
inline absl::StatusOr<std::unique_ptr<Store>> OpenPatiently(const std::string& name,
                                                            Mode mode = Mode::kReadWrite) {
  OpenOptions options;
  options.mode = mode;
  options.lock_timeout = kStuck;
  return Store::Open(name, options);
}

}  // namespace cubby::test

#endif  // CUBBY_TESTS_TORTURE_PATIENT_STORE_H_
