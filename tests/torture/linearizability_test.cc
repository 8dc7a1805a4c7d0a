// Four processes at a few keys, with writers killed and replaced on the way
// (tests/linearizability/recorder.h): all that they were answered must be explained by operations
// that took effect one at a time (tests/linearizability/checker.h). Each history is judged again
// with faults put into it (tests/linearizability/faults.h), which must be found.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "tests/linearizability/checker.h"
#include "tests/linearizability/faults.h"
#include "tests/linearizability/recorder.h"
#include "tests/linearizability/recording.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

struct Totals {
  uint64_t histories = 0, operations = 0, pending = 0, contended = 0, full = 0;
  uint64_t overlapping = 0;  // operations that began before another one, of the same key, had ended
  uint64_t violations = 0, undecided = 0, faults = 0, faults_found = 0;
};

// Adds the history, which is sorted by start.
void Count(const std::vector<test::Operation>& history, Totals* totals) {
  ++totals->histories;
  totals->operations += history.size();
  std::vector<uint64_t> ended;  // by key: when all that began so far had
  for (const test::Operation& operation : history) {
    totals->pending += operation.outcome == test::Outcome::kUnknown;
    if (operation.outcome == test::Outcome::kNoEffect) {
      ++(operation.kind == test::Kind::kGet ? totals->contended : totals->full);
    }
    ended.resize(std::max(ended.size(), size_t{operation.key} + 1));
    uint64_t& last = ended[operation.key];
    totals->overlapping += operation.start < last;
    last = std::max(last, operation.end);
  }
}

class LinearizabilityTest : public test::DaemonFixture {
 protected:
  LinearizabilityTest()
      : seed_(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed()) + 1),
        random_(seed_) {}

  // Opens the store for the test itself, and starts all processes.
  void Prepare(uint32_t keys) {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    recorder_ = std::make_unique<test::Recorder>(store(), store_.get(), keys, &random_);
    ASSERT_NO_FATAL_FAILURE(recorder_->Start());
  }

  // Records and judges histories, six in ten of them with one kill or two.
  void Run(uint64_t histories) {
    for (uint32_t number = 1; number <= histories; ++number) {
      SCOPED_TRACE(absl::StrCat("history ", number, ", seed ", seed_));
      std::vector<test::Operation> history;
      const uint64_t kills = random_() % 10 < 6 ? 1 + random_() % test::kMaxKills : 0;
      ASSERT_NO_FATAL_FAILURE(recorder_->Record(number, kills, &history));
      Count(history, &totals_);
      Judge(history);
    }
  }

  void Finish(absl::string_view what) {
    recorder_->Finish();
    ExpectSound();
    test::Report(what, {{"histories", absl::StrCat(totals_.histories)},
                        {"operations", absl::StrCat(totals_.operations)},
                        {"overlapping", absl::StrCat(totals_.overlapping)},
                        {"kills", absl::StrCat(recorder_->kills())},
                        {"pending", absl::StrCat(totals_.pending)},
                        {"contended", absl::StrCat(totals_.contended)},
                        {"full", absl::StrCat(totals_.full)},
                        {"violations", absl::StrCat(totals_.violations)},
                        {"undecided", absl::StrCat(totals_.undecided)},
                        {"faults put in", absl::StrCat(totals_.faults)},
                        {"found", absl::StrCat(totals_.faults_found)}});
  }

  Store& own_store() { return *store_; }
  const Totals& totals() const { return totals_; }
  uint64_t kills() const { return recorder_->kills(); }

 private:
  void Judge(const std::vector<test::Operation>& history) {
    const test::Judgement judgement = test::Judge(history);
    totals_.violations += judgement.verdict == test::Verdict::kViolation;
    totals_.undecided += judgement.verdict == test::Verdict::kUndecided;
    EXPECT_EQ(judgement.verdict, test::Verdict::kLinearizable) << test::Describe(judgement);
    if (judgement.verdict != test::Verdict::kLinearizable) return;
    // What it would have said of a store with a fault.
    test::Effort verdict_only;
    verdict_only.core = false;
    for (const test::Fault fault : test::kFaults) {
      std::vector<test::Operation> faulty = history;
      if (!test::Inject(fault, &random_, &faulty)) continue;
      ++totals_.faults;
      const bool found = test::Judge(faulty, verdict_only).verdict == test::Verdict::kViolation;
      totals_.faults_found += found;
      EXPECT_TRUE(found) << test::Name(fault);
    }
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<test::Recorder> recorder_;
  Totals totals_;
};

TEST_F(LinearizabilityTest, FewKeys) {
  ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64KiB", "--extent-pool", "2MiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(6));
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES, CUBBY_HISTORIES_WHOLE)));
  Finish("linearizability");
  EXPECT_GT(kills(), 0u);
  EXPECT_EQ(totals().full, 0u);
}

// One bucket whose ways are nearly all taken: each write reuses one of the same few.
TEST_F(LinearizabilityTest, TwoKeysInAFullBucket) {
  ASSERT_TRUE(StartDaemon({"--capacity", "12", "--max-value", "64KiB", "--extent-pool", "512KiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(2));
  ASSERT_EQ(NumberIn(own_store().Properties(), "bucket_count"), 1u);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(own_store().Put(absl::StrCat("other", i), "").ok());
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES / 3, CUBBY_HISTORIES_WHOLE / 4)));
  Finish("linearizability, one bucket");
  EXPECT_EQ(totals().full, 0u);
}

// Room for two of the six keys, and for few long values.
TEST_F(LinearizabilityTest, FullStore) {
  ASSERT_TRUE(StartDaemon({"--capacity", "12", "--max-value", "64KiB", "--extent-pool", "140KiB"}));
  ASSERT_NO_FATAL_FAILURE(Prepare(6));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(own_store().Put(absl::StrCat("other", i), "").ok());
  ASSERT_NO_FATAL_FAILURE(Run(test::Amount(CUBBY_HISTORIES / 3, CUBBY_HISTORIES_WHOLE / 4)));
  Finish("linearizability, full store");
  EXPECT_GT(totals().full, 0u);
}

}  // namespace
}  // namespace cubby
