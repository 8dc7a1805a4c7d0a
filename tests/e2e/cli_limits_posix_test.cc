// The command where the system grants it little. A shell sets the limit, so this is for systems
// that have one.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::MatchesRegex;

class CliLimitsTest : public DaemonFixture {
 protected:
  void SetUp() override {
    if (CubbyWithin512MiB("version").exit_code != 0) {
      GTEST_SKIP() << "the program needs more addresses than that by itself, as with a sanitizer";
    }
    ASSERT_TRUE(StartDaemon({"--capacity", "10", "--max-value", "64MiB"}));
    ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  }

  // Runs the command with a limit on the memory that it may have addresses of.
  ExitResult CubbyWithin512MiB(const std::string& arguments) const {
    SubprocessOptions options;
    // One arena: else glibc reserves 64 MiB for each thread that happens to allocate beside
    // another.
    options.environment = {
        {"CUBBY_STORE", store()}, {"CUBBY", ProgramPath("cubby")}, {"MALLOC_ARENA_MAX", "1"}};
    return test::Run({"/bin/sh", "-c", absl::StrCat("ulimit -v 524288; $CUBBY ", arguments)},
                     options);
  }
};

TEST_F(CliLimitsTest, BenchTakesMemoryForTheValuesThatThereAre) {
  const ExitResult bench = CubbyWithin512MiB("bench --threads 8 --seconds 10ms");
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
}

TEST_F(CliLimitsTest, BenchSaysWhichThreadCouldNotStart) {
  const ExitResult bench = CubbyWithin512MiB("bench --threads 1024 --seconds 1h");
  EXPECT_EQ(bench.exit_code, 10);
  EXPECT_EQ(bench.out, "");
  EXPECT_THAT(bench.err, MatchesRegex("cubby: cannot start thread [0-9]+ of 1024: .*; give a "
                                      "smaller --threads\n"));
}

}  // namespace
}  // namespace cubby::test
