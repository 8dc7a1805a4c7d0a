// Writers who are neither at work nor dead: stopped inside a put, and threads that are cancelled.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "table/layout.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/shared.h"
#include "tests/support/stuck_writer.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr size_t kMaxValue = 60'000;

// args: store. Puts until it is killed; once before it reports that it is ready.
CUBBY_CHILD(PutsForEver) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0]);
  if (!store.ok()) return 2;
  for (uint64_t i = 0;; ++i) {
    if (!(*store)->Put("k", test::CheckedValue("k", i, kMaxValue)).ok()) return 3;
    if (i == 0) test::ReportReady();
  }
}

class OwnerTest : public test::DaemonFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "100", "--max-value", "64KiB"})); }

  std::unique_ptr<Store> OpenStore(absl::Duration lock_timeout) {
    OpenOptions options;
    options.lock_timeout = lock_timeout;
    auto opened = Store::Open(store(), options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
};

TEST_F(OwnerTest, WhoIsStoppedIsNotRobbed) {
  const absl::Duration stopped_for = absl::Seconds(static_cast<double>(test::Amount(2, 10)));
  const std::unique_ptr<test::Subprocess> writer = StartUser("PutsForEver");
  ASSERT_NE(writer, nullptr);
  ASSERT_TRUE(test::WaitUntilReady(*writer).ok());
  const auto fixed = test::SharedView<const table::FixedPart>::Open(store());
  ASSERT_TRUE(fixed.ok()) << fixed.status();
  const std::atomic<uint64_t>& word = (*fixed)->lock.lock.word;
  const auto pid = static_cast<pid_t>(writer->pid());
  const auto stop = [&] {
    kill(pid, SIGSTOP);
    // It has stopped once the kernel says so.
    siginfo_t info;
    return waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT) == 0;
  };
  const absl::Time deadline = absl::Now() + kLong;
  // Until it is stopped while it has the lock.
  for (;;) {
    ASSERT_TRUE(stop());
    if (word != 0) break;
    ASSERT_LT(absl::Now(), deadline);
    kill(pid, SIGCONT);
    absl::SleepFor(absl::Microseconds(100));
  }
  const uint64_t owner = word & ~test::kLockHasWaiters;

  auto hasty = OpenStore(absl::Milliseconds(100));
  ASSERT_TRUE(hasty);
  uint64_t refused = 0, gets = 0;
  std::string value;
  const absl::Time end = absl::Now() + stopped_for;
  while (absl::Now() < end) {
    const absl::Status put = hasty->Put("other", "v").status();
    ASSERT_TRUE(absl::IsDeadlineExceeded(put)) << put;
    ++refused;
    ASSERT_EQ(word & ~test::kLockHasWaiters, owner);
    // Whatever it was amid, readers are not in need of it.
    const absl::Status got = hasty->Get("k", &value).status();
    ASSERT_TRUE(got.ok()) << got;
    ASSERT_TRUE(test::IsCheckedValue("k", value));
    ++gets;
  }
  EXPECT_EQ(Cubby({"--timeout", "200ms", "put", "other", "v"}).exit_code, 7);
  EXPECT_EQ(Cubby({"--timeout", "200ms", "flush"}).exit_code, 7);
  EXPECT_EQ(Cubby({"get", "k"}).exit_code, 0);
  EXPECT_EQ(hasty->Stats().lock_takeovers, 0u);

  kill(pid, SIGCONT);
  auto patient = OpenStore(kLong);
  ASSERT_TRUE(patient);
  EXPECT_TRUE(patient->Put("other", "v").ok());
  EXPECT_TRUE(writer->Running());
  writer->Kill();
  ExpectSound();
  test::Report("stopped owner", {{"stopped for", absl::FormatDuration(stopped_for)},
                                 {"puts refused in time", absl::StrCat(refused)},
                                 {"gets meanwhile", absl::StrCat(gets)},
                                 {"robbed", "0"}});
}

// What the cancelled thread does.
void* PutUntilCancelled(void* of) {
  Store& store = *static_cast<Store*>(of);
  for (uint64_t i = 0;; ++i) {
    store.Put("k", test::CheckedValue("k", i, kMaxValue)).status().IgnoreError();
    pthread_testcancel();
  }
}

TEST_F(OwnerTest, CancelledThreadLeavesNoLockTaken) {
  const uint64_t rounds = test::Amount(200, 5000);
  auto used = OpenStore(kLong);
  auto other = OpenStore(kLong);
  ASSERT_TRUE(used && other);
  std::string value;
  for (uint64_t round = 0; round < rounds; ++round) {
    // Two of them, so that some are cancelled while they wait for the lock.
    pthread_t threads[2];
    for (pthread_t& thread : threads) {
      ASSERT_EQ(pthread_create(&thread, nullptr, &PutUntilCancelled, used.get()), 0);
    }
    while (!used->Contains("k").value_or(false)) absl::SleepFor(absl::Microseconds(10));
    absl::SleepFor(absl::Microseconds(round % 50 * 10));
    for (const pthread_t thread : threads) ASSERT_EQ(pthread_cancel(thread), 0);
    for (const pthread_t thread : threads) {
      void* result = nullptr;
      ASSERT_EQ(pthread_join(thread, &result), 0);
      EXPECT_EQ(result, PTHREAD_CANCELED);
    }
    // This process runs, so no process would take the lock over from it.
    const absl::Status put = other->Delete("k");
    ASSERT_TRUE(put.ok()) << put << " in round " << round;
  }
  EXPECT_EQ(other->Stats().lock_takeovers, 0u);
  EXPECT_EQ(other->Stats().repairs, 0u);
  ExpectSound();
  test::Report("threads cancelled",
               {{"threads", absl::StrCat(2 * rounds)}, {"lock left taken", "0"}});
}

}  // namespace
}  // namespace cubby
