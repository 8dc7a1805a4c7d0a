// Four writers (storm_writer.cc), of which one after the other is killed at a random moment, and
// two read-only readers (storm_reader.cc): no acknowledged write is lost, no value is torn, no
// process is stuck, the next writer goes on at once, and a watcher (storm_replica.h) is told of
// every change.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "table/layout.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/shared.h"
#include "tests/support/torture.h"
#include "tests/torture/patient_store.h"
#include "tests/torture/storm_fixture.h"
#include "tests/torture/storm_notes.h"
#include "tests/torture/storm_replica.h"

namespace cubby {
namespace {

using test::kStuck;
using test::kWriters;

constexpr int kReaders = 2;

class KillStormTest : public test::StormFixture {
 protected:
  KillStormTest() : notes_("notes") {}

  // Fills the store's common keys, and starts readers and writers.
  void Begin() {
    ASSERT_TRUE(StartDaemon({"--capacity", "128", "--max-value", "4KiB", "--extent-pool", "2MiB",
                             "--changes", "16MiB", "--record-changes"}));
    auto fixed = test::SharedView<const table::FixedPart>::Open(store());
    ASSERT_TRUE(fixed.ok()) << fixed.status();
    fixed_ = std::make_unique<test::SharedView<const table::FixedPart>>(*std::move(fixed));
    absl::StatusOr<std::unique_ptr<Store>> reader = test::OpenPatiently(store(), Mode::kReadOnly);
    ASSERT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
    absl::StatusOr<std::unique_ptr<Store>> successor = test::OpenPatiently(store());
    ASSERT_TRUE(successor.ok()) << successor.status();
    successor_ = *std::move(successor);
    replica_ = std::make_unique<test::StormReplica>(successor_.get());
    for (uint64_t i = 0; i < test::kCommonKeys; ++i) ASSERT_TRUE(PutCommon(i).ok());
    for (int i = 0; i < kReaders; ++i) {
      readers_.push_back(StartUser("StormReader", {absl::StrCat(Random())}));
      ASSERT_NE(readers_.back(), nullptr);
    }
    for (int i = 0; i < kWriters; ++i) writers_.push_back(StartWriter(i));
  }

  // Kills one writer at a random moment, looks at what it left, and starts another in its place.
  void KillOne(uint64_t kill) {
    SCOPED_TRACE(absl::StrCat("kill ", kill, ", seed ", seed()));
    WaitForAMoment();
    const int victim = PickVictim();
    test::WriterNotes& notes = notes_->writers[victim];
    const uint64_t takeovers = successor_->Stats().lock_takeovers;
    ASSERT_NO_FATAL_FAILURE(KillReady(writers_[victim].get()));

    // As it left them: no other process writes them, and no writer has repaired them yet.
    ASSERT_NO_FATAL_FAILURE(CheckKeys(*reader_, victim, &notes));
    const auto before = std::chrono::steady_clock::now();
    const absl::Status put = PutCommon(kill);
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before)
            .count();
    ASSERT_TRUE(put.ok()) << put;
    next_put_ms_.push_back(ms);
    if (successor_->Stats().lock_takeovers != takeovers) takeover_ms_.push_back(ms);
    ASSERT_NO_FATAL_FAILURE(CheckKeys(*successor_, victim, &notes)) << "repaired";
    notes.seat = 0;
    writers_[victim] = StartWriter(victim);
  }

  void End() {
    for (std::unique_ptr<test::Subprocess>& process : readers_) {
      process->CloseInput();
      const test::ExitResult result = process->Wait(kStuck);
      std::printf("%s", result.out.c_str());
      EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    }
    for (std::unique_ptr<test::Subprocess>& process : writers_) {
      process->Kill();
      const test::ExitResult ended = process->Wait(kStuck);
      EXPECT_EQ(ended.exit_code, 137) << ended.err;
    }
    ExpectSound();  // and repaired
    replica_->ExpectEqual();
  }

  void ReportFigures() const {
    const auto ms = [](const std::vector<double>& samples, double fraction) {
      return samples.empty() ? "none"
                             : absl::StrFormat("%.3f ms", test::Percentile(samples, fraction));
    };
    // The first three are always 0 here: the test has ended at the first one.
    test::Report("kill storm", {{"acknowledged writes lost", "0"},
                                {"torn", "0"},
                                {"deadlocks", "0"},
                                {"kills", absl::StrCat(next_put_ms_.size())},
                                {"with the lock held", absl::StrCat(takeover_ms_.size())},
                                {"repaired", absl::StrCat(successor_->Stats().repairs)},
                                {"changes told", absl::StrCat(replica_->told())},
                                {"times that some were lost", absl::StrCat(replica_->losses())},
                                {"next put p50", ms(next_put_ms_, 0.5)},
                                {"next put p99", ms(next_put_ms_, 0.99)},
                                {"takeover p50", ms(takeover_ms_, 0.5)},
                                {"takeover p99", ms(takeover_ms_, 0.99)},
                                {"takeover max", ms(takeover_ms_, 1)}});
  }

 private:
  std::unique_ptr<test::Subprocess> StartWriter(int writer) {
    return StartUser("StormWriter", {notes_.name(), absl::StrCat(writer), absl::StrCat(Random())});
  }

  absl::Status PutCommon(uint64_t i) {
    const std::string key = test::CommonKey(i % test::kCommonKeys);
    return successor_->Put(key, test::CheckedValue(key, i, test::kMaxStormValue)).status();
  }

  // Half of the time the writer that has the lock, if one has; by the time it dies it may have
  // given it back. (Two that start at once may take each other's seat for their own: then it is
  // another one.)
  int PickVictim() {
    auto victim = static_cast<int>(Random() % kWriters);
    if (Random() % 2 == 0) {
      const uint64_t owner = (*fixed_)->lock.lock.word.load() & test::kSeatBits;
      for (int i = 0; i < kWriters; ++i) {
        if (notes_->writers[i].seat == owner && owner != 0) victim = i;
      }
    }
    return victim;
  }

  const test::Shared<test::StormNotes> notes_;
  std::unique_ptr<test::SharedView<const table::FixedPart>> fixed_;
  std::unique_ptr<Store> reader_;
  std::unique_ptr<Store> successor_;  // writes when a writer has been killed
  std::unique_ptr<test::StormReplica> replica_;
  std::vector<std::unique_ptr<test::Subprocess>> readers_;
  std::vector<std::unique_ptr<test::Subprocess>> writers_;
  std::vector<double> next_put_ms_;
  std::vector<double> takeover_ms_;  // those of next_put_ms_ that took the lock over
};

TEST_F(KillStormTest, NothingIsLostTornOrStuck) {
  const uint64_t kills = test::Amount(CUBBY_KILLS, CUBBY_KILLS_WHOLE);
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (uint64_t kill = 0; kill < kills; ++kill) ASSERT_NO_FATAL_FAILURE(KillOne(kill));
  End();
  ReportFigures();
}

}  // namespace
}  // namespace cubby
