// The checks that are the same on every system.
#include "cli/doctor.h"

#include <string>

#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/doctor_fixture.h"

namespace cubby::cli {
namespace {

using ::testing::HasSubstr;

class DoctorTest : public DoctorFixture {};

TEST_F(DoctorTest, WithoutAStoreThereIsNothingToSayOfOne) {
  reads_ = absl::InternalError("not asked");
  EXPECT_EQ(Look("store").level, Level::kOk);
}

TEST_F(DoctorTest, AStoreThatCannotBeReadIsBad) {
  here_.store = "jobs";
  reads_ = absl::NotFoundError("no store 'jobs': start one with cubbyd --store jobs");
  const Finding finding = Look("store");
  EXPECT_EQ(finding.level, Level::kBad);
  EXPECT_EQ(finding.seen, "no store 'jobs'");
  EXPECT_EQ(finding.remedy, "start one with cubbyd --store jobs");
}

TEST_F(DoctorTest, AStoreThatMayOnlyBeReadIsNoted) {
  here_.store = "jobs";
  writes_ = absl::PermissionDeniedError("no: ask");
  EXPECT_EQ(Look("store").level, Level::kNote);
  writes_ = absl::FailedPreconditionError("store 'jobs' has lost its lock file: start it anew");
  EXPECT_EQ(Look("store").level, Level::kBad);
}

TEST_F(DoctorTest, AStoreThatCanBeReadAndWrittenIsFine) {
  here_.store = "jobs";
  EXPECT_EQ(Look("store").level, Level::kOk);
}

TEST_F(DoctorTest, StoresThatCannotBeOpenedAreBad) {
  stores_ = std::vector<StoreRow>{Row("a", StoreState::kServed), Row("b", StoreState::kDamaged),
                                  Row("c", StoreState::kOtherLayout)};
  const Finding finding = Look("stores");
  EXPECT_EQ(finding.level, Level::kBad);
  EXPECT_THAT(finding.seen, HasSubstr("3 stores, of which no program of this version can open b "
                                      "(damaged), c (other layout)"));
  (*stores_)[1].own = false;
  EXPECT_THAT(Look("stores").seen, HasSubstr("can open c (other layout)"));
  stores_->resize(1);
  EXPECT_EQ(Look("stores").level, Level::kOk);
  EXPECT_EQ(Look("stores").seen, "1 store");
}

TEST_F(DoctorTest, LeftoversAreNotedAndWhatIsKeptIsNot) {
  Leftover kept;
  kept.kept = true;
  leftovers_->push_back(kept);
  EXPECT_EQ(Look("leftovers").level, Level::kOk);
  Leftover stale;
  stale.what = "store 'jobs'";
  leftovers_->push_back(stale);
  const Finding finding = Look("leftovers");
  EXPECT_EQ(finding.level, Level::kNote);
  EXPECT_THAT(finding.seen, HasSubstr("1 of programs that were killed: store 'jobs'; 1 store "));
  EXPECT_THAT(finding.remedy, HasSubstr("cubby clean --yes"));
  leftovers_ = absl::PermissionDeniedError("others may write to the directory /x: chmod it");
  EXPECT_EQ(Look("leftovers").level, Level::kBad);
}

TEST_F(DoctorTest, DaemonsOfOtherVersionsAreNoted) {
  stores_->push_back(Row("jobs", StoreState::kServed));
  daemon_->version = base::kVersion;
  EXPECT_EQ(Look("versions").level, Level::kOk);
  daemon_->version = "0.0.9";
  const Finding finding = Look("versions");
  EXPECT_EQ(finding.level, Level::kNote);
  EXPECT_THAT(finding.seen, HasSubstr("jobs (0.0.9)"));
  EXPECT_THAT(finding.remedy, HasSubstr("--replace"));
}

TEST_F(DoctorTest, ADaemonThatDoesNotAnswerIsBad) {
  stores_->push_back(Row("jobs", StoreState::kServed));
  daemon_ = absl::DeadlineExceededError("did not answer");
  EXPECT_EQ(Look("versions").level, Level::kBad);
  here_.store = "other";
  EXPECT_EQ(Look("versions").level, Level::kOk) << "it is not that of the store";
  here_.store = "jobs";
  daemon_ = absl::PermissionDeniedError("another user's");
  EXPECT_EQ(Look("versions").level, Level::kOk);
}

}  // namespace
}  // namespace cubby::cli
