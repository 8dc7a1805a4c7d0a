// Daemons that die and come again, and many that want the same store: readers and writers never
// notice, nothing is lost, and exactly one serves.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"
#include "tests/torture/patient_store.h"

namespace cubby {
namespace {

using ::testing::HasSubstr;

constexpr int kKeys = 200;
constexpr size_t kMaxValue = 3000;

// args: store, "read" or "write", which keys (i % 2). Uses the store that it opened first until its
// input ends; every call must succeed, and every value be the one put last by the keys' one writer.
CUBBY_CHILD(SteadyUser) {
  const bool writes = args[1] == "write";
  absl::StatusOr<std::unique_ptr<Store>> store =
      test::OpenPatiently(args[0], writes ? Mode::kReadWrite : Mode::kReadOnly);
  if (!store.ok()) return 2;
  const uint64_t parity = std::stoull(args[2]);
  const std::atomic<bool>& stop = test::InputEnded();
  test::ReportReady();
  uint64_t operations = 0;
  absl::Status failure;
  std::string value;
  while (!stop && failure.ok()) {
    const std::string key = test::KeyOf(operations % (kKeys / 2) * 2 + parity);
    if (writes) {
      // A writer alone knows what it has put: read it back.
      const std::string put = test::CheckedValue(key, operations, kMaxValue);
      failure.Update((*store)->Put(key, put).status());
      failure.Update((*store)->Get(key, &value).status());
      if (failure.ok() && value != put) failure = absl::DataLossError("not what was put");
    } else {
      const absl::Status got = (*store)->Get(key, &value).status();
      if (!absl::IsUnavailable(got)) failure.Update(got);  // contended: allowed
      if (got.ok() && !test::IsCheckedValue(key, value)) failure = absl::DataLossError("torn");
    }
    ++operations;
  }
  if (!failure.ok()) std::fprintf(stderr, "%s\n", failure.ToString().c_str());
  std::printf("%llu\n", static_cast<unsigned long long>(operations));
  return failure.ok() ? 0 : 1;
}

class DaemonDeathTest : public test::DaemonFixture {
 protected:
  // A full store, its daemon, and a reader and two writers of it.
  void StartUsers() {
    ASSERT_TRUE(StartDaemon(
        {"--capacity", absl::StrCat(kKeys), "--max-value", "4KiB", "--extent-pool", "4MiB"}));
    {
      auto store = Store::Open(this->store());
      ASSERT_TRUE(store.ok()) << store.status();
      for (int i = 0; i < kKeys; ++i) {
        const std::string key = test::KeyOf(i);
        ASSERT_TRUE((*store)->Put(key, test::CheckedValue(key, 0, kMaxValue)).ok());
      }
    }
    for (const std::vector<std::string>& role :
         {std::vector<std::string>{"read", "0"}, {"write", "0"}, {"write", "1"}}) {
      users_.push_back(StartUser("SteadyUser", role));
      ASSERT_NE(users_.back(), nullptr);
      ASSERT_TRUE(test::WaitUntilReady(*users_.back()).ok());
    }
  }
  // Expects that no call of theirs has failed and nothing is lost. Returns how many they made.
  uint64_t EndUsers() {
    uint64_t operations = 0;
    for (std::unique_ptr<test::Subprocess>& user : users_) {
      EXPECT_TRUE(user->Running());
      user->CloseInput();
      const test::ExitResult result = user->Wait(absl::Seconds(60));
      EXPECT_EQ(result.exit_code, 0) << result.err;
      operations += std::strtoull(result.out.c_str() + result.out.find('\n') + 1, nullptr, 10);
    }
    EXPECT_EQ(Cubby({"count"}).out, absl::StrCat(kKeys, "\n"));
    ExpectSound();
    return operations;
  }

 private:
  std::vector<std::unique_ptr<test::Subprocess>> users_;
};

TEST_F(DaemonDeathTest, ReadersAndWritersDoNotNoticeThatTheDaemonIsKilledAndRestarted) {
  const uint64_t deaths = test::Amount(CUBBY_DEATHS, 500);
  ASSERT_NO_FATAL_FAILURE(StartUsers());
  for (uint64_t death = 0; death < deaths; ++death) {
    KillDaemon();
    ASSERT_TRUE(StartDaemon()) << death;  // the same shape is kept, without being told
  }
  const uint64_t operations = EndUsers();
  test::Report("daemon killed and restarted", {{"deaths", absl::StrCat(deaths)},
                                               {"operations meanwhile", absl::StrCat(operations)},
                                               {"failed", HasFailure() ? "some" : "0"}});
}

TEST_F(DaemonDeathTest, ReadersAndWritersDoNotNoticeThatTheDaemonIsReplaced) {
  const uint64_t replacements = test::Amount(CUBBY_REPLACEMENTS, 200);
  ASSERT_NO_FATAL_FAILURE(StartUsers());
  for (uint64_t i = 0; i < replacements; ++i) {
    ASSERT_TRUE(ReplaceDaemon()) << i;
    ASSERT_EQ(Cubby({"ping"}).exit_code, 0) << i;
  }
  const uint64_t operations = EndUsers();
  test::Report("daemon replaced while it ran", {{"replacements", absl::StrCat(replacements)},
                                                {"operations meanwhile", absl::StrCat(operations)},
                                                {"failed", HasFailure() ? "some" : "0"}});
}

// At an arbitrary moment; tests/server/replace_test.cc has each step.
TEST_F(DaemonDeathTest, ReadersAndWritersDoNotNoticeThatADaemonIsKilledWhileItIsReplaced) {
  const uint64_t replacements = test::Amount(CUBBY_REPLACEMENTS, 200);
  ASSERT_NO_FATAL_FAILURE(StartUsers());
  for (uint64_t i = 0; i < replacements; ++i) {
    auto successor = LaunchDaemon({"--replace"});
    ASSERT_NE(successor, nullptr);
    for (uint64_t turn = 0; turn < i % 5; ++turn) Cubby({"count"});  // takes a while
    KillDaemon();
    ASSERT_TRUE(AwaitDaemon(std::move(successor))) << i;
    ASSERT_EQ(Cubby({"ping"}).exit_code, 0) << i;
  }
  EndUsers();
}

TEST_F(DaemonDeathTest, OfManyStartedAtOnceOneServes) {
  const uint64_t rounds = test::Amount(CUBBY_RACES, 50);
  constexpr int kDaemons = 20;
  for (uint64_t round = 0; round < rounds; ++round) {
    std::vector<std::unique_ptr<test::Subprocess>> daemons;
    for (int i = 0; i < kDaemons; ++i) {
      auto daemon = test::Subprocess::Start(
          {test::ProgramPath("cubbyd"), "--store", store(), "--capacity", "1000"});
      ASSERT_TRUE(daemon.ok()) << daemon.status();
      daemons.push_back(*std::move(daemon));
    }
    // All but one end by themselves.
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    size_t running = daemons.size();
    while (running > 1 && absl::Now() < deadline) {
      running = 0;
      for (auto& daemon : daemons) running += daemon->Running() ? 1 : 0;
      std::this_thread::yield();
    }
    ASSERT_EQ(running, 1u) << "round " << round;
    for (auto& daemon : daemons) {
      if (daemon->Running()) {
        ASSERT_TRUE(daemon->WaitForError("serving", absl::Minutes(1)).ok());
        EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
        EXPECT_EQ(Cubby({"get", "k"}).out, "v");
        daemon->Interrupt();
        const test::ExitResult winner = daemon->Wait(absl::Minutes(1));
        EXPECT_EQ(winner.exit_code, 0) << winner.err;
      } else {
        const test::ExitResult loser = daemon->Wait(absl::Minutes(1));
        EXPECT_EQ(loser.exit_code, 1) << loser.err;
        EXPECT_THAT(loser.err, HasSubstr("already has a daemon"));
      }
    }
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  test::Report("daemons started at once", {{"rounds", absl::StrCat(rounds)},
                                           {"daemons each", absl::StrCat(kDaemons)},
                                           {"served", "1 each"}});
}

}  // namespace
}  // namespace cubby
