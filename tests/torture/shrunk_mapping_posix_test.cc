// A process with write access truncates a store's file, or punches a hole into it, while readers, a
// writer and the daemon use it. None of them ends, and each reports what has happened.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

using ::testing::HasSubstr;

constexpr int kKeys = 1000;
constexpr size_t kMaxValueBytes = 3000;

// Whether `value` is a CheckedValue of `key`, but for bytes that are zeros: the rest of the page in
// which the file ends now. (Without its number, which tells what it was, it cannot be judged.)
bool IsCheckedValueOrZeros(absl::string_view key, absl::string_view value) {
  uint64_t number = 0;
  if (test::IsCheckedValue(key, value, &number) || number == 0) return true;
  const std::string whole = test::CheckedValue(key, number, kMaxValueBytes);
  if (value.size() != whole.size()) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != whole[i] && value[i] != 0) return false;
  }
  return true;
}

// args: store, "read" or "write". Uses the store until it is told that it was truncated: exit code
// 0. It may get DataLoss before that; a value that no put wrote is exit code 1.
CUBBY_CHILD(GuardedUser) {
  OpenOptions options;
  options.mode = args[1] == "write" ? Mode::kReadWrite : Mode::kReadOnly;
  options.survive_truncation = true;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0], options);
  if (!store.ok()) return 2;
  test::ReportReady();
  std::string value;
  for (uint64_t n = 0;; ++n) {
    const std::string key = test::KeyOf(n % kKeys);
    absl::Status status;
    if (args[1] == "write") {
      status = (*store)->Put(key, test::CheckedValue(key, n, kMaxValueBytes)).status();
    } else {
      status = (*store)->Get(key, &value).status();
      if (status.ok() && !IsCheckedValueOrZeros(key, value)) return 1;
    }
    if (absl::IsUnavailable(status) && absl::StrContains(status.message(), "truncated")) return 0;
  }
}

class ShrunkMappingTest : public test::DaemonFixture {
 protected:
  std::string Path() const { return absl::StrCat("/dev/shm/cubby.", store()); }

  void FillStore() {
    auto store = Store::Open(this->store());
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = test::KeyOf(i);
      ASSERT_TRUE((*store)->Put(key, test::CheckedValue(key, 1, kMaxValueBytes)).ok());
    }
  }
};

// To nothing; to a part of the header, once to none of what follows it; to some of the buckets; to
// where no process may ever read behind it, or, with huge pages, zeros are left.
off_t NewSize(uint64_t round, off_t whole, std::mt19937_64* random) {
  const off_t any = static_cast<off_t>((*random)() >> 1);
  switch (round % 4) {
    case 0:
      return 0;
    case 1:
      return round == 1 ? 16 : any % 8192;
    case 2:
      return any % 100'000;
    default:
      return (whole / 2 + any % (whole / 2)) & ~off_t{7};  // no word is cut
  }
}

TEST_F(ShrunkMappingTest, EverybodyOutlivesATruncation) {
  const uint64_t rounds = test::Amount(5, 100);
  std::mt19937_64 random(::testing::UnitTest::GetInstance()->random_seed());
  for (uint64_t round = 0; round < rounds; ++round) {
    ASSERT_TRUE(
        StartDaemon({"--fresh", "--capacity", absl::StrCat(kKeys), "--extent-pool", "8MiB"}));
    ASSERT_NO_FATAL_FAILURE(FillStore());
    std::vector<std::unique_ptr<test::Subprocess>> users;
    for (const char* role : {"read", "read", "write"}) {
      users.push_back(StartUser("GuardedUser", {role}));
      ASSERT_NE(users.back(), nullptr);
      ASSERT_TRUE(test::WaitUntilReady(*users.back()).ok());
    }
    struct stat whole;
    ASSERT_EQ(stat(Path().c_str(), &whole), 0);
    const off_t size = NewSize(round, whole.st_size, &random);
    ASSERT_EQ(truncate(Path().c_str(), size), 0);
    for (std::unique_ptr<test::Subprocess>& user : users) {
      const test::ExitResult result = user->Wait(absl::Seconds(60));
      ASSERT_EQ(result.exit_code, 0) << "size " << size << ": " << result.err;
    }
    EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
    const test::ExitResult check = Cubby({"check"});
    EXPECT_EQ(check.exit_code, 8) << check.out << check.err;
    EXPECT_THAT(check.err, HasSubstr("truncated"));
    EXPECT_EQ(Cubby({"get", test::KeyOf(1)}).exit_code, 8);
    ASSERT_EQ(daemon()->WaitForError("was truncated", absl::Seconds(60)), absl::OkStatus());
    EXPECT_EQ(StopDaemon().exit_code, 0);
    ASSERT_FALSE(HasFailure()) << "round " << round << ", size " << size;
  }
  test::Report("truncated under its users", {{"rounds", absl::StrCat(rounds)}, {"died", "0"}});
}

// Pages of zeros are damage like any other: a key is missing, or told to be damaged.
TEST_F(ShrunkMappingTest, AHoleIsDamageAndNoMore) {
  ASSERT_TRUE(StartDaemon({"--capacity", absl::StrCat(kKeys)}));
  ASSERT_NO_FATAL_FAILURE(FillStore());
  const int fd = open(Path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 64 << 10, 32 << 10), 0);
  close(fd);
  auto store = Store::Open(this->store());
  ASSERT_TRUE(store.ok()) << store.status();
  std::string value;
  int whole = 0;
  for (int i = 0; i < kKeys; ++i) {
    const absl::Status got = (*store)->Get(test::KeyOf(i), &value).status();
    if (got.ok()) {
      EXPECT_TRUE(test::IsCheckedValue(test::KeyOf(i), value));
      ++whole;
    }
  }
  EXPECT_GT(whole, kKeys / 2);
  EXPECT_LT(whole, kKeys);
  EXPECT_EQ(Cubby({"check"}).exit_code, 8);
}

}  // namespace
}  // namespace cubby
