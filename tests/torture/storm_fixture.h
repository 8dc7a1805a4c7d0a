// What the storms have in common: processes that are killed at random moments.
#ifndef CUBBY_TESTS_TORTURE_STORM_FIXTURE_H_
#define CUBBY_TESTS_TORTURE_STORM_FIXTURE_H_

#include <cstdint>
#include <random>

#include "gtest/gtest.h"
#include "os/clock.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/torture/patient_store.h"

namespace cubby::test {

class StormFixture : public DaemonFixture {
 protected:
  StormFixture()
      : seed_(::testing::UnitTest::GetInstance()->random_seed() + 1),
        random_(static_cast<uint64_t>(seed_)) {}

  // For the message of a failure.
  int seed() const { return seed_; }
  uint64_t Random() { return random_(); }

  void WaitForAMoment() {
    // Its length decides nothing but the moment of a kill.
    const uint64_t until = os::BootNanos() + random_() % 2'000'000;
    while (os::BootNanos() < until) {
    }
  }

  // Kills the process once it is ready, and waits for its end.
  static void KillReady(Subprocess* process) {
    ASSERT_NE(process, nullptr);
    ASSERT_TRUE(WaitUntilReady(*process).ok());
    process->Kill();
    const ExitResult ended = process->Wait(kStuck);
    ASSERT_EQ(ended.exit_code, 137) << ended.err;
  }

 private:
  const int seed_;
  std::mt19937_64 random_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_TORTURE_STORM_FIXTURE_H_
