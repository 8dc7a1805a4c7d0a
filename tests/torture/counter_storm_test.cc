// Eight processes that increment counters, of which one after the other is killed at a random
// moment: each counter is as high as increments were answered, and higher at most by those that a
// kill left without an answer.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/shared.h"
#include "tests/support/torture.h"
#include "tests/torture/patient_store.h"
#include "tests/torture/storm_fixture.h"

namespace cubby {
namespace {

constexpr int kProcesses = 8;
// The counters of one process: its own, and those that all share, one of which has a key in
// extents.
constexpr int kOwn = 0;
constexpr int kCounters = 3;

std::string KeyOf(int process, int counter) {
  if (counter == kOwn) return absl::StrCat("own", process);
  return counter == 1 ? "shared" : "shared" + std::string(300, '-');
}

// What a process notes of its increments: before it begins one, and after it was answered.
struct CounterNotes {
  std::atomic<int64_t> begun[kCounters];
  std::atomic<int64_t> done[kCounters];
};
struct StormNotes {
  CounterNotes processes[kProcesses];
};

// Returns only on an error.
absl::Status CountUntilKilled(int process, uint64_t seed, CounterNotes* notes, Store* store) {
  std::mt19937_64 random(seed);
  std::array<std::string, kCounters> keys;
  for (int i = 0; i < kCounters; ++i) keys[i] = KeyOf(process, i);
  std::array<int64_t, kCounters> last = {};
  for (;;) {
    const auto counter = static_cast<int>(random() % kCounters);
    const int64_t number = notes->begun[counter].load() + 1;
    notes->begun[counter].store(number);
    const absl::StatusOr<int64_t> sum = store->Increment(keys[counter], 1, {/*initial=*/1});
    if (!sum.ok()) return sum.status();
    if (counter == kOwn ? *sum != number : *sum <= last[counter]) {
      return absl::InternalError(absl::StrCat(KeyOf(process, counter).substr(0, 6), ": ", *sum,
                                              " as number ", number, " after ", last[counter]));
    }
    last[counter] = *sum;
    notes->done[counter].store(number);
  }
}

// args: store, the name of StormNotes, the process's number, seed.
CUBBY_CHILD(StormCounter) {
  const auto notes = test::SharedView<StormNotes>::Open(args[1]);
  const absl::StatusOr<std::unique_ptr<Store>> store = test::OpenPatiently(args[0]);
  int process = 0;
  if (!notes.ok() || !store.ok() || !absl::SimpleAtoi(args[2], &process)) return 2;
  test::ReportReady();
  const absl::Status status = CountUntilKilled(process, std::strtoull(args[3].c_str(), nullptr, 10),
                                               &(*notes)->processes[process], store->get());
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

class CounterStormTest : public test::StormFixture {
 protected:
  CounterStormTest() : notes_("notes") {}

  void Begin() {
    ASSERT_TRUE(StartDaemon({"--capacity", "64"}));
    absl::StatusOr<std::unique_ptr<Store>> reader = test::OpenPatiently(store(), Mode::kReadOnly);
    ASSERT_TRUE(reader.ok()) << reader.status();
    reader_ = *std::move(reader);
    for (int i = 0; i < kProcesses; ++i) ASSERT_NO_FATAL_FAILURE(Start(i));
  }

  void Start(int process) {
    processes_[process] =
        StartUser("StormCounter", {notes_.name(), absl::StrCat(process), absl::StrCat(Random())});
    ASSERT_NE(processes_[process], nullptr);
  }

  // Kills a process and settles its notes: of its own counter by its value, which no process has
  // changed or repaired since, of the others by counting the increment that has no answer.
  void Kill(int process) {
    SCOPED_TRACE(absl::StrCat("seed ", seed()));
    ASSERT_NO_FATAL_FAILURE(KillReady(processes_[process].get()));
    CounterNotes& notes = notes_->processes[process];
    const absl::StatusOr<int64_t> own = ValueOf(KeyOf(process, kOwn));
    ASSERT_TRUE(own.ok()) << own.status();
    ASSERT_TRUE(*own == notes.done[kOwn] || *own == notes.begun[kOwn])
        << *own << ", " << notes.done[kOwn] << " done, " << notes.begun[kOwn] << " begun";
    notes.begun[kOwn] = *own;
    notes.done[kOwn] = *own;
    for (int i = kOwn + 1; i < kCounters; ++i) {
      pending_[i] += notes.begun[i] - notes.done[i];
      notes.begun[i] = notes.done[i].load();
    }
  }

  void ExpectExactSums() {
    int64_t increments = 0;
    for (int i = kOwn + 1; i < kCounters; ++i) {
      int64_t done = 0;
      for (const CounterNotes& notes : notes_->processes) done += notes.done[i];
      const absl::StatusOr<int64_t> sum = ValueOf(KeyOf(0, i));
      ASSERT_TRUE(sum.ok()) << sum.status();
      EXPECT_GE(*sum, done) << "seed " << seed();
      EXPECT_LE(*sum, done + pending_[i]) << "seed " << seed();
      increments += *sum;
    }
    EXPECT_GT(increments, 0);
    ExpectSound();
    test::Report("counter storm", {{"increments of shared counters", absl::StrCat(increments)},
                                   {"pending at kills", absl::StrCat(pending_[1] + pending_[2])},
                                   {"lost or counted twice", HasFailure() ? "some" : "0"}});
  }

 private:
  // 0 if there is none.
  absl::StatusOr<int64_t> ValueOf(const std::string& key) const {
    std::string text;
    const absl::Status status = reader_->Get(key, &text).status();
    if (absl::IsNotFound(status)) return 0;
    if (!status.ok()) return status;
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) return absl::DataLossError(text);
    return number;
  }

  const test::Shared<StormNotes> notes_;
  std::unique_ptr<Store> reader_;
  std::array<std::unique_ptr<test::Subprocess>, kProcesses> processes_;
  std::array<int64_t, kCounters> pending_ = {};
};

TEST_F(CounterStormTest, CountsEachIncrementOnce) {
  const uint64_t kills = test::Amount(CUBBY_KILLS / 20, CUBBY_KILLS_WHOLE / 20);
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (uint64_t kill = 0; kill < kills; ++kill) {
    WaitForAMoment();
    const auto victim = static_cast<int>(Random() % kProcesses);
    ASSERT_NO_FATAL_FAILURE(Kill(victim)) << "kill " << kill;
    ASSERT_NO_FATAL_FAILURE(Start(victim));
  }
  for (int i = 0; i < kProcesses; ++i) ASSERT_NO_FATAL_FAILURE(Kill(i));
  ExpectExactSums();
}

}  // namespace
}  // namespace cubby
