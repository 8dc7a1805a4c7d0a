// Processes that get or compute the same keys, of which one after the other is killed at a random
// moment: while an entry lives, nobody computes it again, but for what a kill left undone.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "tests/support/child.h"
#include "tests/support/shared.h"
#include "tests/support/torture.h"
#include "tests/torture/patient_store.h"
#include "tests/torture/storm_fixture.h"

namespace cubby {
namespace {

using test::kStuck;

constexpr int kKeys = 100;
// How long a value lives. A kill is always followed by another computation, and by this long
// without one.
constexpr absl::Duration kTtl = absl::Milliseconds(50);

struct KeyNotes {
  // The BootNanos() at which the value was computed last whose put was answered; 0: none yet, or a
  // kill may have come in between.
  std::atomic<uint64_t> computed_ns;
  std::atomic<uint64_t> computations;
};
struct ComputeNotes {
  KeyNotes keys[kKeys];
  std::atomic<uint64_t> again;  // computations of values that had not expired
  std::atomic<uint64_t> waited;
};

std::string KeyOf(int key) { return absl::StrCat("key", key); }
// A value of any length between some bytes and some extents.
std::string ValueOf(int key, uint64_t number) {
  return absl::StrCat(key, ":", number, ":") + std::string(number % 7 * 60, 'v');
}

absl::Status ComputeUntilKilled(uint64_t seed, ComputeNotes* notes, Store* store) {
  std::mt19937_64 random(seed);
  ComputeOptions options;
  options.ttl = kTtl;
  options.lease = 10 * kStuck;
  options.wait = kStuck;
  std::string value;
  for (;;) {
    const auto key = static_cast<int>(random() % kKeys);
    KeyNotes& key_notes = notes->keys[key];
    uint64_t began_ns = 0;
    const absl::StatusOr<Computed> computed = store->GetOrCompute(
        KeyOf(key), options,
        [&]() -> absl::StatusOr<std::string> {
          began_ns = os::BootNanos();
          // Nobody else computes meanwhile, so nobody else writes it.
          const uint64_t last_ns = key_notes.computed_ns.exchange(0);
          if (last_ns != 0 && began_ns < last_ns + absl::ToInt64Nanoseconds(kTtl)) ++notes->again;
          const uint64_t number = ++key_notes.computations;
          if (random() % 4 == 0) std::this_thread::yield();
          return ValueOf(key, number);
        },
        &value);
    if (!computed.ok()) return computed.status();
    if (value.rfind(absl::StrCat(key, ":"), 0) != 0) return absl::DataLossError(value);
    if (computed->source != Computed::Source::kComputed) continue;
    if (!computed->stored.ok()) return computed->stored;
    key_notes.computed_ns = began_ns;
  }
}

// args: store, the name of ComputeNotes, seed.
CUBBY_CHILD(StormComputer) {
  const auto notes = test::SharedView<ComputeNotes>::Open(args[1]);
  const absl::StatusOr<std::unique_ptr<Store>> store = test::OpenPatiently(args[0]);
  if (!notes.ok() || !store.ok()) return 2;
  test::ReportReady();
  const absl::Status status =
      ComputeUntilKilled(std::strtoull(args[2].c_str(), nullptr, 10), &**notes, store->get());
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 3;
}

class ComputeStormTest : public test::StormFixture {
 protected:
  ComputeStormTest() : notes_("notes") {}

  void Run(const std::vector<std::string>& daemon_args) {
    SCOPED_TRACE(absl::StrCat("seed ", seed()));
    const uint64_t kills = test::Amount(CUBBY_KILLS / 10, CUBBY_KILLS_WHOLE / 10);
    ASSERT_TRUE(StartDaemon(daemon_args));
    processes_.resize(test::Amount(8, 200));
    for (auto& process : processes_) ASSERT_NO_FATAL_FAILURE(Start(&process));
    for (uint64_t kill = 0; kill < kills; ++kill) {
      WaitForAMoment();
      auto& process = processes_[Random() % processes_.size()];
      ASSERT_NO_FATAL_FAILURE(KillReady(process.get())) << "kill " << kill;
      ASSERT_NO_FATAL_FAILURE(Start(&process));
    }
    for (auto& process : processes_) ASSERT_NO_FATAL_FAILURE(KillReady(process.get()));
    uint64_t computations = 0;
    for (const KeyNotes& key : notes_->keys) computations += key.computations;
    EXPECT_GT(computations, 0u);
    EXPECT_EQ(notes_->again, 0u);
    ExpectSound();
    test::Report("compute storm",
                 {{"processes", absl::StrCat(processes_.size())},
                  {"kills", absl::StrCat(kills)},
                  {"computations", absl::StrCat(computations)},
                  {"of values that had not expired", absl::StrCat(notes_->again.load())}});
  }

 private:
  void Start(std::unique_ptr<test::Subprocess>* process) {
    *process = StartUser("StormComputer", {notes_.name(), absl::StrCat(Random())});
    ASSERT_NE(*process, nullptr);
  }
  const test::Shared<ComputeNotes> notes_;
  std::vector<std::unique_ptr<test::Subprocess>> processes_;
};

TEST_F(ComputeStormTest, ComputesEachValueOnce) { Run({"--capacity", "1000"}); }

}  // namespace
}  // namespace cubby
