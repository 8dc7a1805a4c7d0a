// The daemon's work in steps: whose turn it is, and what a flush and a check do with the lock.
#include "server/job.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "server/check_job.h"
#include "server/flush_job.h"
#include "server/job_lock.h"
#include "server/options.h"
#include "server/owned_store.h"
#include "tests/support/subprocess.h"

namespace cubby::server {
namespace {

using ::testing::HasSubstr;

os::Deadline NoTime() { return os::Deadline(absl::ZeroDuration()); }
os::Deadline NoEnd() { return os::Deadline(absl::InfiniteDuration()); }

// Appends `name` to *log with every step, and how it ends.
class LoggedJob final : public Job {
 public:
  LoggedJob(std::string name, std::string* log, std::function<Progress()> step)
      : name_(std::move(name)), log_(log), step_(std::move(step)) {}
  Progress Step(const os::Deadline&) override {
    log_->append(name_);
    return step_();
  }
  void Cancel(const absl::Status& why) override {
    absl::StrAppend(log_, name_, ":", why.message(), ";");
  }

 private:
  const std::string name_;
  std::string* const log_;
  const std::function<Progress()> step_;
};

TEST(JobsTest, TakeTurnsUntilTheyAreDone) {
  std::string log;
  Jobs jobs;
  int steps = 0;
  jobs.Add(std::make_unique<LoggedJob>("a", &log, Job::Progress::Running));
  jobs.Add(std::make_unique<LoggedJob>("b", &log, [&steps] {
    return ++steps < 2 ? Job::Progress::Running() : Job::Progress::Done();
  }));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(jobs.Step(), absl::ZeroDuration());
  EXPECT_EQ(log, "ababaa");
}

TEST(JobsTest, BlockedOnesAreLeftOut) {
  std::string log;
  Jobs jobs;
  EXPECT_EQ(jobs.Step(), absl::InfiniteDuration());
  jobs.Add(std::make_unique<LoggedJob>(
      "a", &log, [] { return Job::Progress::Blocked(absl::InfiniteDuration()); }));
  jobs.Add(std::make_unique<LoggedJob>("b", &log, [] { return Job::Progress::Done(); }));
  EXPECT_EQ(jobs.Step(), absl::ZeroDuration());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(jobs.Step(), absl::InfiniteDuration());
  EXPECT_EQ(log, "ab");
}

TEST(JobsTest, CancelEndsAllWithItsReason) {
  std::string log;
  Jobs jobs;
  for (const char* name : {"a", "b"}) {
    jobs.Add(std::make_unique<LoggedJob>(name, &log, Job::Progress::Running));
  }
  jobs.Cancel(absl::UnavailableError("stop"));
  EXPECT_EQ(log, "a:stop;b:stop;");
  EXPECT_EQ(jobs.size(), 0u);
}

// Jobs on a store of this process's own.
class StoreJobTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kEntries = 20'000;

  void SetUp() override {
    Options options;
    options.store = test::UniqueStoreName("job");
    options.capacity = kEntries;
    absl::StatusOr<std::unique_ptr<OwnedStore>> opened =
        OwnedStore::Open(options, [](const lock::Seats&) { return absl::OkStatus(); });
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    lock_.emplace(&store_->lock(), &store_->table());
    absl::StatusOr<std::unique_ptr<Store>> client = Store::Open(options.store);
    ASSERT_TRUE(client.ok()) << client.status();
    for (uint64_t i = 0; i < kEntries; ++i) {
      ASSERT_TRUE((*client)->Put(absl::StrCat("key", i), "value").ok()) << i;
    }
  }
  void TearDown() override {
    if (store_ != nullptr) store_->Retire();
  }

  // What answers a job.
  RequestJob::Context Context(absl::optional<absl::StatusOr<control::Response>>* answer,
                              uint64_t deadline_ns = 0) {
    return {store_.get(), &*lock_, deadline_ns, [answer](absl::StatusOr<control::Response> result) {
              ASSERT_FALSE(answer->has_value()) << "a second answer";
              *answer = std::move(result);
            }};
  }
  // One that is released at once.
  absl::Status TryLock() {
    const absl::Status acquired = lock_->Acquire();
    if (acquired.ok()) lock_->Release();
    return acquired;
  }

  std::unique_ptr<OwnedStore> store_;
  absl::optional<JobLock> lock_;
  absl::optional<absl::StatusOr<control::Response>> answer_, other_answer_;
};

TEST_F(StoreJobTest, CheckOwnsTheLockFromItsFirstStepToItsEnd) {
  CheckJob check(Context(&answer_));
  EXPECT_FALSE(check.Step(NoTime()).done());
  EXPECT_TRUE(absl::IsUnavailable(TryLock()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(store_->lock().Acquire(absl::ZeroDuration())));
  EXPECT_FALSE(answer_.has_value());
  EXPECT_TRUE(check.Step(NoEnd()).done());
  EXPECT_TRUE(TryLock().ok());
  ASSERT_TRUE(answer_.has_value() && answer_->ok());
  EXPECT_EQ((*answer_)->check().entries(), kEntries);
  EXPECT_EQ((*answer_)->check().problems_size(), 0);
}

TEST_F(StoreJobTest, CancelledCheckReleasesTheLock) {
  CheckJob check(Context(&answer_));
  EXPECT_FALSE(check.Step(NoTime()).done());
  check.Cancel(absl::UnavailableError("stop"));
  EXPECT_TRUE(TryLock().ok());
  ASSERT_TRUE(answer_.has_value());
  EXPECT_EQ(answer_->status(), absl::UnavailableError("stop"));
}

TEST_F(StoreJobTest, FlushReleasesTheLockBetweenItsSteps) {
  FlushJob flush(Context(&answer_));
  int steps = 1;
  for (; !flush.Step(NoTime()).done(); ++steps) EXPECT_TRUE(TryLock().ok());
  EXPECT_GT(steps, 2);
  ASSERT_TRUE(answer_.has_value() && answer_->ok());
  EXPECT_EQ((*answer_)->flush().removed(), kEntries);
}

TEST_F(StoreJobTest, FlushWaitsForACheckWithoutLosingPatience) {
  CheckJob check(Context(&answer_));
  FlushJob flush(Context(&other_answer_));
  EXPECT_FALSE(check.Step(NoTime()).done());
  const Job::Progress blocked = flush.Step(NoEnd());
  EXPECT_FALSE(blocked.done());
  EXPECT_GT(blocked.pause(), absl::ZeroDuration());
  EXPECT_TRUE(check.Step(NoEnd()).done());
  EXPECT_EQ((*answer_)->check().entries(), kEntries) << "nothing was flushed meanwhile";
  EXPECT_TRUE(flush.Step(NoEnd()).done());
  EXPECT_EQ((*other_answer_)->flush().removed(), kEntries);
}

TEST_F(StoreJobTest, JobsPastTheirDeadlineEnd) {
  CheckJob check(Context(&answer_, os::BootNanos()));
  FlushJob flush(Context(&other_answer_, os::BootNanos()));
  EXPECT_TRUE(check.Step(NoEnd()).done());
  EXPECT_TRUE(flush.Step(NoEnd()).done());
  for (const auto* answer : {&answer_, &other_answer_}) {
    ASSERT_TRUE(answer->has_value());
    EXPECT_TRUE(absl::IsDeadlineExceeded((*answer)->status()));
    EXPECT_THAT(std::string((*answer)->status().message()), HasSubstr("too late"));
  }
  EXPECT_TRUE(TryLock().ok());
}

}  // namespace
}  // namespace cubby::server
