// Programs in another time namespace, whose boot clock has an offset: they refuse the store instead
// of finding its entries expired, or alive, that are not.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "table/layout.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

// LeakSanitizer needs /proc, and AddressSanitizer reads its options there.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kMayHideProc = false;
#else
constexpr bool kMayHideProc = true;
#endif

class TimeNamespaceTest : public DaemonFixture {
 protected:
  void SetUp() override {
    if (InNamespace(0, "true").exit_code != 0) {
      GTEST_SKIP() << "may not make time namespaces here";
    }
  }

  // For the beginning of a command: hides /proc from what follows.
  static constexpr char kWithoutProc[] = "mount -t tmpfs none /proc && ";

  // Runs a shell's command in a new time namespace whose boot clock is `ahead` seconds ahead. The
  // command finds the programs in $CUBBY and $CUBBYD.
  ExitResult InNamespace(int ahead, const std::string& command) const {
    SubprocessOptions options;
    options.environment = {{"CUBBY_STORE", store()},
                           {"CUBBY", ProgramPath("cubby")},
                           {"CUBBYD", ProgramPath("cubbyd")}};
    return test::Run({"/bin/sh", "-c",
                      absl::StrCat("exec unshare --mount --time --boottime ", ahead,
                                   " --fork /bin/sh -c '", command, "'")},
                     options);
  }
};

TEST_F(TimeNamespaceTest, AnotherClockIsRefusedByNameAndNothingExpires) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v", "--ttl", "1h"}).exit_code, 0);
  for (const char* command : {"$CUBBY put x y", "$CUBBY get k"}) {
    const ExitResult ahead = InNamespace(86'400, command);
    EXPECT_EQ(ahead.exit_code, 6) << command;
    EXPECT_THAT(ahead.err, HasSubstr("another time namespace, 24h behind this process's"))
        << command;
    EXPECT_THAT(InNamespace(-1, command).err, HasSubstr("1s ahead of this process's")) << command;
  }
  EXPECT_EQ(Cubby({"count"}).out, "1\n");
}

TEST_F(TimeNamespaceTest, ADaemonOfAnotherClockIsNotAsked) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  for (const char* command : {"ping", "info", "stats", "check", "flush", "shutdown"}) {
    for (const int ahead : {-1, 86'400}) {
      const ExitResult asked =
          InNamespace(ahead, absl::StrCat("$CUBBY ", command, " --timeout 60s"));
      EXPECT_EQ(asked.exit_code, 6) << command << ", " << ahead << ": " << asked.err;
      EXPECT_THAT(asked.err, HasSubstr("another time namespace"));
    }
  }
  EXPECT_EQ(InNamespace(0, "$CUBBY ping").exit_code, 0);
  EXPECT_EQ(Cubby({"count"}).out, "1\n");
}

// The client cannot tell from a damaged header, but the daemon can from the request.
TEST_F(TimeNamespaceTest, ADaemonOfAnotherClockRefusesRequestsForADamagedStore) {
  ASSERT_TRUE(StartDaemon());
  {
    auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    reinterpret_cast<table::FixedPart*>(mapping->data())->header.capacity ^= 1;
  }
  for (const char* without_proc : {"", kWithoutProc}) {
    if (*without_proc != '\0' && !kMayHideProc) continue;
    for (const int ahead : {-1, 86'400}) {
      const ExitResult shutdown = InNamespace(ahead, absl::StrCat(without_proc, "$CUBBY shutdown"));
      EXPECT_EQ(shutdown.exit_code, 6) << shutdown.err;
      EXPECT_THAT(shutdown.err, HasSubstr("another time namespace"));
    }
  }
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
}

TEST_F(TimeNamespaceTest, TheSameClockInAnotherNamespaceIsTaken) {
  ASSERT_TRUE(StartDaemon());
  EXPECT_EQ(InNamespace(0, "$CUBBY put k v").exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(TimeNamespaceTest, ADaemonDoesNotKeepEntriesOfAnotherClock) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v", "--ttl", "1h"}).exit_code, 0);
  KillDaemon();
  const ExitResult daemon = InNamespace(86'400, "exec $CUBBYD --store $CUBBY_STORE");
  EXPECT_EQ(daemon.exit_code, 6);
  EXPECT_THAT(daemon.err, HasSubstr("another time namespace"));
  ASSERT_TRUE(StartDaemon());
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(TimeNamespaceTest, AnotherClockIsRefusedWithoutProcToo) {
  if (!kMayHideProc) GTEST_SKIP() << "AddressSanitizer needs /proc";
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v", "--ttl", "1h"}).exit_code, 0);
  for (const bool alive : {true, false}) {
    SCOPED_TRACE(alive ? "beside its daemon" : "without a daemon");
    if (!alive) KillDaemon();
    for (const char* command : {"$CUBBY put x y", "$CUBBY get k"}) {
      const ExitResult ahead = InNamespace(86'400, absl::StrCat(kWithoutProc, command));
      EXPECT_EQ(ahead.exit_code, 6) << command;
      EXPECT_THAT(ahead.err, HasSubstr("another time namespace, 24h behind this process's"))
          << command;
    }
    EXPECT_THAT(InNamespace(-1, absl::StrCat(kWithoutProc, "$CUBBY get k")).err,
                HasSubstr("1s ahead of this process's"));
    EXPECT_EQ(Cubby({"count"}).out, "1\n");
  }
}

TEST_F(TimeNamespaceTest, TheSameClockIsTakenWithoutProcToo) {
  if (!kMayHideProc) GTEST_SKIP() << "AddressSanitizer needs /proc";
  ASSERT_TRUE(StartDaemon());
  EXPECT_EQ(InNamespace(0, absl::StrCat(kWithoutProc, "$CUBBY put k v")).exit_code, 0);
  KillDaemon();
  EXPECT_EQ(InNamespace(0, absl::StrCat(kWithoutProc, "$CUBBY get k")).out, "v");
}

TEST_F(TimeNamespaceTest, ADaemonWithoutProcDoesNotPassForOneOfThisClock) {
  if (!kMayHideProc) GTEST_SKIP() << "AddressSanitizer needs /proc";
  const std::string in_it = absl::StrCat(kWithoutProc,
                                         "{ $CUBBYD --store $CUBBY_STORE & } && "
                                         "$CUBBY put k v --wait 60s --ttl 1h && echo made && ");
  const ExitResult other = InNamespace(86'400, in_it + "kill -9 $!");
  EXPECT_THAT(other.out, HasSubstr("made")) << other.err;
  const ExitResult put = Cubby({"put", "x", "y", "--ttl", "1h"});
  EXPECT_EQ(put.exit_code, 6) << put.err;
  const ExitResult daemon = test::Run({ProgramPath("cubbyd"), "--store", store()});
  EXPECT_EQ(daemon.exit_code, 6) << daemon.err;
  ASSERT_TRUE(StartDaemon({"--fresh"}));
}

}  // namespace
}  // namespace cubby::test
