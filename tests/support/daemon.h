// A cubbyd of a test's own, and the cubby command pointed at it.
//
//   class CountTest : public test::DaemonFixture {};
//   TEST_F(CountTest, NewStoreIsEmpty) {
//     ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
//     EXPECT_EQ(Cubby({"count"}).out, "0\n");
//   }
//
// The store's name is unique to the test, and its control channel lies in a folder of the test's
// own. Both are gone afterwards, after a killed daemon too.
#ifndef CUBBY_TESTS_SUPPORT_DAEMON_H_
#define CUBBY_TESTS_SUPPORT_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/support/runtime_dir.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

class DaemonFixture : public ::testing::Test {
 protected:
  DaemonFixture();
  // Stops the daemon, expecting exit code 0 of it, unless the test has ended it already.
  void TearDown() override;

  // Starts `cubbyd --store STORE FLAGS...` and returns once it serves; on failure the result has
  // what it wrote. After StopDaemon() or KillDaemon() it may be started again.
  ::testing::AssertionResult StartDaemon(const std::vector<std::string>& flags = {});
  // Asks it to end (SIGTERM, Ctrl-Break) and returns what it wrote and its exit code.
  ExitResult StopDaemon();
  // Ends it with no chance to clean up.
  void KillDaemon();

  // Runs `cubby ARGUMENTS...` to its end, with CUBBY_STORE naming the store.
  ExitResult Cubby(const std::vector<std::string>& arguments, absl::string_view input = "") const;
  // The same without waiting for it. Null, and a failure of the test, if it cannot be started.
  std::unique_ptr<Subprocess> StartCubby(const std::vector<std::string>& arguments,
                                         absl::string_view input = "") const;

  // Starts child `name` (tests/support/child.h), whose args are the store and `args`. Null, and a
  // failure of the test, if it cannot be started.
  std::unique_ptr<Subprocess> StartUser(const std::string& name,
                                        const std::vector<std::string>& args = {}) const;
  // Expects that `cubby check` finds nothing wrong with the store.
  void ExpectSound() const;

  const std::string& store() const { return store_; }
  // Null while none runs.
  Subprocess* daemon() { return daemon_.get(); }

 private:
  const RuntimeDir runtime_dir_;
  const std::string store_;
  std::unique_ptr<Subprocess> daemon_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_DAEMON_H_
