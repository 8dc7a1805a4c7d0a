// watch, as a user runs it.
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

class CliWatchTest : public DaemonFixture {
 protected:
  // With a change in it, after which `--since 1` begins.
  void Start() {
    ASSERT_TRUE(StartDaemon({"--capacity", "100", "--record-changes"}));
    ASSERT_EQ(Cubby({"watch", "--count", "0"}).exit_code, 2);
    ASSERT_EQ(Cubby({"put", "first", "v"}).exit_code, 0);
  }
};

TEST_F(CliWatchTest, PrintsALineForEachChange) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_EQ(Cubby({"put", "a\tb", "v"}).exit_code, 0);
  ASSERT_EQ(Cubby({"incr", "n", "--initial", "1"}).exit_code, 0);
  ASSERT_EQ(Cubby({"del", "n"}).exit_code, 0);
  const ExitResult watch = Cubby({"watch", "--since", "1", "--count", "3"});
  EXPECT_EQ(watch.exit_code, 0) << watch.err;
  EXPECT_EQ(watch.out, "2\tput\ta\\tb\n3\tput\tn\n4\tdelete\tn\n");
  EXPECT_EQ(watch.err, "");
  EXPECT_EQ(Cubby({"watch", "--since", "1", "--count", "1", "--prefix", "n"}).out, "3\tput\tn\n");
  EXPECT_EQ(Cubby({"watch", "--since", "3", "--count", "1", "--json"}).out,
            "{\"revision\": 4, \"kind\": \"delete\", \"key\": \"n\"}\n");
}

TEST_F(CliWatchTest, PrintsAChangeWhenItComes) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::unique_ptr<Subprocess> watch = StartCubby({"watch", "--since", "1"});
  ASSERT_NE(watch, nullptr);
  for (const char* const key : {"a", "b"}) {
    ASSERT_EQ(Cubby({"put", key, "v"}).exit_code, 0);
    EXPECT_TRUE(watch->WaitForOutput(std::string("put\t") + key + "\n", kPatience).ok());
  }
  EXPECT_TRUE(watch->Running());
  StopDaemon();
  const ExitResult end = watch->Wait(kPatience);
  EXPECT_EQ(end.exit_code, 3) << "as for every command whose store was shut down";
  EXPECT_THAT(end.err, HasSubstr("shut down"));
}

TEST_F(CliWatchTest, BeginsWithALineAndNeedNotWait) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Cubby({"watch", "--since", "0", "--no-wait"}).out, "1\tput\tfirst\n");
  EXPECT_EQ(Cubby({"watch", "--since", "1", "--no-wait"}).out, "");
  EXPECT_EQ(Cubby({"watch", "--begin", "--no-wait"}).out, "1\tbegin\t\n");
  EXPECT_EQ(Cubby({"watch", "--begin", "--no-wait", "--json"}).out,
            "{\"revision\": 1, \"kind\": \"begin\"}\n");
}

TEST_F(CliWatchTest, SaysWhatIsLost) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const std::unique_ptr<Subprocess> watch =
      StartCubby({"watch", "--since", "1", "--json", "--count", "1"});
  ASSERT_NE(watch, nullptr);
  EXPECT_TRUE(watch->WaitForOutput("{\"revision\": 3, \"kind\": \"lost\"}\n", kPatience).ok());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const ExitResult end = watch->Wait(kPatience);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.err, "cubby: changes after revision 1 up to 3 are lost: read all keys anew\n");
  EXPECT_THAT(end.out, HasSubstr("\"revision\": 4, \"kind\": \"put\""));
}

TEST_F(CliWatchTest, SaysWhyItCannot) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--changes", "0"}));
  const ExitResult none = Cubby({"watch"});
  EXPECT_EQ(none.exit_code, 6);
  EXPECT_THAT(none.err, HasSubstr("--changes 0"));
  const ExitResult count = Cubby({"watch", "--count", "-1"});
  EXPECT_EQ(count.exit_code, 2);
  EXPECT_THAT(count.err, HasSubstr("give 1 or more"));
}

}  // namespace
}  // namespace cubby::test
