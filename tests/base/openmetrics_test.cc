#include "base/openmetrics.h"

#include "gtest/gtest.h"

namespace cubby::base {
namespace {

TEST(OpenMetricsTest, CounterEndsInTotalAndGaugeDoesNot) {
  EXPECT_EQ(OpenMetrics("s", {{"puts", NumberKind::kCounter, "", "Entries put.", 3},
                              {"entries", NumberKind::kGauge, "", "Entries.", ~uint64_t{0}}}),
            "# TYPE cubby_puts counter\n"
            "# HELP cubby_puts Entries put.\n"
            "cubby_puts_total{store=\"s\"} 3\n"
            "# TYPE cubby_entries gauge\n"
            "# HELP cubby_entries Entries.\n"
            "cubby_entries{store=\"s\"} 18446744073709551615\n"
            "# EOF\n");
}

TEST(OpenMetricsTest, UnitIsToldIfItEndsTheName) {
  EXPECT_EQ(OpenMetrics("s", {{"rejected_frames", NumberKind::kCounter, "frames", "", 3},
                              {"expiring", NumberKind::kGauge, "entries", "", 4},
                              {"bytes", NumberKind::kGauge, "bytes", "", 5}}),
            "# TYPE cubby_rejected_frames counter\n"
            "# UNIT cubby_rejected_frames frames\n"
            "cubby_rejected_frames_total{store=\"s\"} 3\n"
            "# TYPE cubby_expiring gauge\n"
            "cubby_expiring{store=\"s\"} 4\n"
            "# TYPE cubby_bytes gauge\n"
            "# UNIT cubby_bytes bytes\n"
            "cubby_bytes{store=\"s\"} 5\n"
            "# EOF\n");
}

TEST(OpenMetricsTest, NumbersOfANewerDaemonAreUnknown) {
  EXPECT_EQ(OpenMetrics("s", {{"hits", NumberKind::kUnknown, "", "", 3}}),
            "# TYPE cubby_hits unknown\n"
            "cubby_hits{store=\"s\"} 3\n"
            "# EOF\n");
}

TEST(OpenMetricsTest, NoTextBreaksOutOfItsLine) {
  EXPECT_EQ(OpenMetrics("a\"b\\c", {{"puts", NumberKind::kGauge, "x\ny", "1\n2 \"3\" \\4\r5", 0}}),
            "# TYPE cubby_puts gauge\n"
            "# HELP cubby_puts 1\\n2 \\\"3\\\" \\\\4 5\n"
            "cubby_puts{store=\"a\\\"b\\\\c\"} 0\n"
            "# EOF\n");
}

TEST(OpenMetricsTest, NameThatComesTwiceMakesOneFamily) {
  EXPECT_EQ(OpenMetrics("s", {{"puts", NumberKind::kGauge, "", "", 1},
                              {"puts", NumberKind::kCounter, "", "", 2}}),
            "# TYPE cubby_puts gauge\n"
            "cubby_puts{store=\"s\"} 1\n"
            "# EOF\n");
}

TEST(OpenMetricsTest, NoNumbersAreAnExpositionToo) { EXPECT_EQ(OpenMetrics("s", {}), "# EOF\n"); }

}  // namespace
}  // namespace cubby::base
