#include <cstdint>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "tests/support/child.h"

namespace cubby::os {
namespace {

CUBBY_CHILD(PrintUnixAheadOfBoot) {
  std::printf("%lld", static_cast<long long>(UnixAheadOfBootNanos()));
  return 0;
}

TEST(ClockTest, EveryProcessFindsTheSameDistance) {
  const int64_t ahead = UnixAheadOfBootNanos();
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(UnixAheadOfBootNanos(), ahead);
  const test::ExitResult other = test::Run({test::SelfPath(), "--child=PrintUnixAheadOfBoot"});
  EXPECT_EQ(other.out, absl::StrCat(ahead));
}

}  // namespace
}  // namespace cubby::os
