// A store of a test's own, and handles of it.
#ifndef CUBBY_TESTS_CLIENT_STORE_FIXTURE_H_
#define CUBBY_TESTS_CLIENT_STORE_FIXTURE_H_

#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {

class StoreTest : public DaemonFixture {
 protected:
  // Null, and a failure of the test, if it cannot be opened.
  std::unique_ptr<Store> Open(const OpenOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store(), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  // Waits until the key is gone, as it must be soon.
  static bool ExpiresInTime(const Store& store, absl::string_view key) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (store.Contains(key).value()) {
      if (absl::Now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::unique_ptr<Store> OpenReadOnly() {
    OpenOptions options;
    options.mode = Mode::kReadOnly;
    return Open(options);
  }
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_CLIENT_STORE_FIXTURE_H_
