// Eight processes at one store: random gets, puts and deletes of values that tell when they are
// torn.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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

constexpr int kProcesses = 8;
constexpr int kKeys = 400;
constexpr size_t kMaxValue = 3000;  // most go to extents

// Even keys are there before the processes start and are never deleted.
bool IsPermanent(uint64_t i) { return i % 2 == 0; }

// args: store, seconds, seed. Prints what it did; exits 0 if nothing was wrong.
CUBBY_CHILD(RandomUser) {
  absl::StatusOr<std::unique_ptr<Store>> opened = test::OpenPatiently(args[0]);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", std::string(opened.status().message()).c_str());
    return 2;
  }
  Store& store = **opened;
  std::mt19937_64 random(std::strtoull(args[2].c_str(), nullptr, 10));
  const absl::Time end = absl::Now() + absl::Seconds(std::atoi(args[1].c_str()));
  uint64_t gets = 0, puts = 0, deletes = 0, torn = 0, missed = 0, contended = 0, errors = 0;
  std::string value;
  while (absl::Now() < end) {
    for (int n = 0; n < 100; ++n) {
      const uint64_t i = random() % kKeys;
      const std::string key = test::KeyOf(i);
      const uint64_t choice = random() % 10;
      absl::Status status;
      if (choice < 7) {
        ++gets;
        status = store.Get(key, &value).status();
        if (status.ok() && !test::IsCheckedValue(key, value)) ++torn;
        if (absl::IsNotFound(status)) {
          missed += IsPermanent(i);
          status = absl::OkStatus();
        } else if (absl::IsUnavailable(status)) {
          ++contended;
          status = absl::OkStatus();
        }
      } else if (choice < 9 || IsPermanent(i)) {
        ++puts;
        status = store.Put(key, test::CheckedValue(key, random(), kMaxValue)).status();
      } else {
        ++deletes;
        status = store.Delete(key);
        if (absl::IsNotFound(status)) status = absl::OkStatus();
      }
      if (!status.ok() && errors++ == 0) {
        std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      }
    }
  }
  std::printf("gets %llu puts %llu deletes %llu contended %llu torn %llu missed %llu errors %llu\n",
              static_cast<unsigned long long>(gets), static_cast<unsigned long long>(puts),
              static_cast<unsigned long long>(deletes), static_cast<unsigned long long>(contended),
              static_cast<unsigned long long>(torn), static_cast<unsigned long long>(missed),
              static_cast<unsigned long long>(errors));
  return torn == 0 && missed == 0 && errors == 0 ? 0 : 1;
}

class StressTest : public test::DaemonFixture {};

TEST_F(StressTest, EightProcessesTearAndMissNothing) {
  const uint64_t seconds = test::Amount(30, 120);
  // Pieces on both sides of the size from which they are copied in another way.
  ASSERT_TRUE(StartDaemon({"--capacity", "400", "--max-value", "4KiB", "--extent-pool", "4MiB",
                           "--extent-bytes", "2576"}));
  {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(this->store());
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < kKeys; i += 2) {
      const std::string key = test::KeyOf(i);
      ASSERT_TRUE((*store)->Put(key, test::CheckedValue(key, i, kMaxValue)).ok());
    }
  }
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::vector<std::unique_ptr<test::Subprocess>> users;
  for (int p = 0; p < kProcesses; ++p) {
    users.push_back(StartUser("RandomUser", {absl::StrCat(seconds), absl::StrCat(seed * 100 + p)}));
    ASSERT_NE(users.back(), nullptr);
  }
  for (std::unique_ptr<test::Subprocess>& user : users) {
    const test::ExitResult result = user->Wait(absl::Seconds(seconds + 60));
    std::printf("%s", result.out.c_str());
    EXPECT_EQ(result.exit_code, 0) << "seed " << seed << ": " << result.out << result.err;
  }
  ExpectSound();
  test::Report("stress", {{"processes", absl::StrCat(kProcesses)},
                          {"seconds", absl::StrCat(seconds)},
                          {"wrong", HasFailure() ? "some" : "0"}});
}

}  // namespace
}  // namespace cubby
