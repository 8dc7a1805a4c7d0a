// A fixture with a cubbyd of its own, and the cubby command for its store.
//
//   class CountTest : public test::DaemonFixture {};
//   TEST_F(CountTest, NewStoreIsEmpty) {
//     ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
//     EXPECT_EQ(Cubby({"count"}).out, "0\n");
//   }
//
// The store's name and runtime directory are unique to the test. Both are removed afterwards, also
// after the daemon was killed.
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
  // Stops the daemon and expects exit code 0, unless the test has ended it already.
  void TearDown() override;

  // Starts `cubbyd --store STORE FLAGS...` and returns once it serves; a failure contains its
  // output. After StopDaemon() or KillDaemon() it may be started again.
  ::testing::AssertionResult StartDaemon(const std::vector<std::string>& flags = {});
  // The two halves of StartDaemon(). A daemon that runs already stays the fixture's until the other
  // serves, and is killed then. Null, and a failure of the test, if it cannot be started.
  std::unique_ptr<Subprocess> LaunchDaemon(const std::vector<std::string>& flags = {}) const;
  ::testing::AssertionResult AwaitDaemon(std::unique_ptr<Subprocess> launched);
  // Starts another cubbyd with --replace and those flags, and returns once it serves and the one
  // before has ended as it should.
  ::testing::AssertionResult ReplaceDaemon(const std::vector<std::string>& flags = {});
  // Stops it (SIGTERM, Ctrl-Break) and returns its output and exit code.
  ExitResult StopDaemon();
  // Kills it without cleanup.
  void KillDaemon();

  // Runs `cubby ARGUMENTS...` to its end, with CUBBY_STORE set to the store.
  ExitResult Cubby(const std::vector<std::string>& arguments, absl::string_view input = "") const;
  // The same without waiting for its end. Returns null and fails the test if it cannot be started.
  std::unique_ptr<Subprocess> StartCubby(const std::vector<std::string>& arguments,
                                         absl::string_view input = "") const;

  // Starts child `name` (tests/support/child.h), whose args are the store and `args`. Null, and a
  // failure of the test, if it cannot be started.
  std::unique_ptr<Subprocess> StartUser(const std::string& name,
                                        const std::vector<std::string>& args = {}) const;
  // Expects that `cubby check` finds nothing wrong with the store.
  void ExpectSound() const;

  const std::string& store() const { return store_; }
  // Returns null while no daemon runs.
  Subprocess* daemon() { return daemon_.get(); }

 private:
  const RuntimeDir runtime_dir_;
  const std::string store_;
  std::unique_ptr<Subprocess> daemon_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_DAEMON_H_
