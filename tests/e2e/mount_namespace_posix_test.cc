// A daemon whose /dev/shm is mounted over.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

class MountNamespaceTest : public DaemonFixture {
 protected:
  // Runs a shell's script in a mount namespace of its own. It finds the programs in $CUBBY and
  // $CUBBYD.
  ExitResult InNamespace(const std::string& script) const {
    SubprocessOptions options;
    options.environment = {{"CUBBY_STORE", store()},
                           {"CUBBY", ProgramPath("cubby")},
                           {"CUBBYD", ProgramPath("cubbyd")}};
    return test::Run({"/usr/bin/unshare", "--mount", "/bin/sh", "-c", script}, options);
  }
};

TEST_F(MountNamespaceTest, AStoreWhoseDirectoryIsHiddenIsNotLost) {
  if (InNamespace("mount -t tmpfs none /mnt").exit_code != 0) {
    GTEST_SKIP() << "may not mount here";
  }
  const ExitResult result = InNamespace(R"(
    log=$(mktemp)
    $CUBBYD --store $CUBBY_STORE --capacity 100 2>$log &
    $CUBBY put k v --wait 60s || exit 2
    mount -t tmpfs none /dev/shm || exit 3
    until grep -q "was mounted over /dev/shm" $log; do kill -0 $! || exit 4; sleep 0.1; done
    umount /dev/shm || exit 5
    until grep -q "is the directory of the store again" $log; do kill -0 $! || exit 6; sleep 0.1; done
    $CUBBY get k && kill $! && wait $! && rm $log
  )");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("v"));
}

}  // namespace
}  // namespace cubby::test
