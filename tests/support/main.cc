// The main() of every test binary: runs the tests, or one child function of theirs
// (tests/support/child.h).
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  if (cubby::test::RunAsChild(argc, argv, &exit_code)) return exit_code;
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
