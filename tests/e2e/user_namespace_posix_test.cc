// Programs in a user namespace that does not map every user. All those users have one id there, the
// overflow user id, so that it proves nothing about who owns a file.
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

class UserNamespaceTest : public DaemonFixture {
 protected:
  void SetUp() override {
    if (Unmapped("true").exit_code != 0) GTEST_SKIP() << "may not make user namespaces here";
  }

  // Run a shell's command in a new user namespace: one that maps no user, and one that maps the
  // caller to root. The command finds the programs in $CUBBY and $CUBBYD.
  ExitResult Unmapped(const std::string& command) const { return InNamespace("", command); }
  ExitResult AsRoot(const std::string& command) const {
    return InNamespace("--map-root-user", command);
  }

  void ExpectRefused(const ExitResult& result, const std::string& why) const {
    EXPECT_EQ(result.exit_code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
  }

 private:
  ExitResult InNamespace(const std::string& options, const std::string& command) const {
    SubprocessOptions environment;
    environment.environment = {{"CUBBY_STORE", store()},
                               {"CUBBY", ProgramPath("cubby")},
                               {"CUBBYD", ProgramPath("cubbyd")}};
    return test::Run({"/bin/sh", "-c",
                      absl::StrCat("exec unshare --user ", options, " /bin/sh -c '", command, "'")},
                     environment);
  }
};

TEST_F(UserNamespaceTest, DaemonOfAnUnmappedUserIsRefusedAndMakesNothing) {
  ExpectRefused(Unmapped("exec $CUBBYD --store $CUBBY_STORE"),
                "stands for every user that its user namespace does not map: map its user");
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat("/dev/shm/cubby.", store())));
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat("/dev/shm/cubby.", store(), ".lock")));
}

TEST_F(UserNamespaceTest, StoreOfAnUnmappedUserIsNobodysOwn) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  for (const char* command : {"$CUBBY get k", "$CUBBY put k w", "$CUBBY get k --owner 65534",
                              "$CUBBY --owner 65534 scan"}) {
    SCOPED_TRACE(command);
    ExpectRefused(Unmapped(command), "belongs to a user whom this user namespace does not map");
  }
  EXPECT_EQ(Unmapped("$CUBBY get k --owner any").out, "v");
  ExpectRefused(Unmapped("$CUBBY put k w --owner any"), "who owns its lock file");
  ExpectRefused(Unmapped("$CUBBY ping"), "map its user");
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(UserNamespaceTest, MappedUserIsTheSameUser) {
  ASSERT_TRUE(StartDaemon());
  EXPECT_EQ(AsRoot("$CUBBY put k v").exit_code, 0);
  EXPECT_EQ(AsRoot("$CUBBY ping").exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(UserNamespaceTest, StoreOfAUserBesideTheMappedOneIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_TRUE(StartDaemon({"--mode", "0644"}));
  const std::string mapping = absl::StrCat("/dev/shm/cubby.", store());
  ASSERT_EQ(chown(mapping.c_str(), 1, 1), 0);
  ExpectRefused(AsRoot("$CUBBY get k"), "belongs to a user whom this user namespace does not map");
  ASSERT_EQ(chown(mapping.c_str(), 0, 0), 0);
}

}  // namespace
}  // namespace cubby::test
