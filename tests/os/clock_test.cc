#include "os/clock.h"

#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace cubby::os {
namespace {

CUBBY_CHILD(PrintBootNanos) {
  std::printf("%llu", static_cast<unsigned long long>(BootNanos()));
  return 0;
}

TEST(ClockTest, BootNanosNeverGoBackAndAreNeverZero) {
  uint64_t last = BootNanos();
  EXPECT_NE(last, 0u);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t now = BootNanos();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, BootNanosMove) {
  const uint64_t start = BootNanos();
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (BootNanos() == start) ASSERT_LT(absl::Now(), deadline);
}

TEST(ClockTest, AnotherProcessReadsTheSameClock) {
  const uint64_t before = BootNanos();
  const test::ExitResult other = test::Run({test::SelfPath(), "--child=PrintBootNanos"});
  const uint64_t after = BootNanos();
  ASSERT_EQ(other.exit_code, 0) << other.err;
  uint64_t between = 0;
  ASSERT_TRUE(absl::SimpleAtoi(other.out, &between)) << other.out;
  EXPECT_LE(before, between);
  EXPECT_LE(between, after);
}

TEST(ClockTest, UnixNanosAgreeWithTheCalendar) {
  const absl::Duration off = absl::FromUnixNanos(static_cast<int64_t>(UnixNanos())) - absl::Now();
  EXPECT_LT(absl::AbsDuration(off), absl::Minutes(1));
}

TEST(ClockTest, DistanceOfTheClocksIsTheirs) {
  const absl::Duration ahead = absl::Nanoseconds(UnixAheadOfBootNanos());
  const absl::Duration now = absl::Nanoseconds(UnixNanos()) - absl::Nanoseconds(BootNanos());
  EXPECT_LT(absl::AbsDuration(now - ahead), absl::Seconds(1));
}

}  // namespace
}  // namespace cubby::os
