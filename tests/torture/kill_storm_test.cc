// A writer killed at random moments, again and again, while others go on: nothing that was
// acknowledged is lost, nothing is torn, and the next writer goes on at once.
//
// The victim notes in a mapping of its own, before each operation, what it is about to do to the
// key, and after it that it is done. Whatever moment it dies at, the key must be as the one or the
// other note says.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

constexpr int kVictimKeys = 32;
constexpr int kOtherKeys = 64;
constexpr size_t kMaxValue = 1500;  // about half of the values go to extents
constexpr uint64_t kDeleted = 1;    // in a note: the operation is a delete

// What the victim is at. A note is [ number : 63 | deleted : 1 ]; 0: nothing yet.
struct Notes {
  std::atomic<uint64_t> next_number[kVictimKeys];
  std::atomic<uint64_t> begun[kVictimKeys];
  std::atomic<uint64_t> done[kVictimKeys];
};

std::string VictimKey(int i) { return absl::StrCat("victim", i); }
std::string OtherKey(int i) { return absl::StrCat("other", i); }

// args: store, notes' mapping, seed. Works until it is killed; returns only on an error.
CUBBY_CHILD(Victim) {
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(args[1], os::Access::kReadWrite);
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0]);
  if (!mapping.ok() || !store.ok()) return 2;
  auto* notes = reinterpret_cast<Notes*>(mapping->data());
  std::mt19937_64 random(std::strtoull(args[2].c_str(), nullptr, 10));
  test::ReportReady();
  for (;;) {
    const int i = static_cast<int>(random() % kVictimKeys);
    const std::string key = VictimKey(i);
    const uint64_t number = notes->next_number[i].fetch_add(1) + 1;
    const bool remove = number > 1 && random() % 4 == 0;
    const uint64_t note = number << 1 | (remove ? kDeleted : 0);
    const std::string value = test::CheckedValue(key, number, kMaxValue);
    notes->begun[i].store(note);
    absl::Status status = remove ? (*store)->Delete(key) : (*store)->Put(key, value).status();
    if (absl::IsNotFound(status) && remove) status = absl::OkStatus();
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      return 3;
    }
    notes->done[i].store(note);
  }
}

// args: store, "read" or "write", seed. Works on the keys that are never deleted until its input
// ends.
CUBBY_CHILD(Bystander) {
  const bool writes = args[1] == "write";
  OpenOptions options;
  options.mode = writes ? Mode::kReadWrite : Mode::kReadOnly;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0], options);
  if (!store.ok()) return 2;
  std::mt19937_64 random(std::strtoull(args[2].c_str(), nullptr, 10));
  std::atomic<bool> stop{false};
  std::thread watcher([&stop] {
    test::WaitForInputEnd();
    stop = true;
  });
  test::ReportReady();
  uint64_t operations = 0, wrong = 0;
  absl::Status last;
  std::string value;
  while (!stop) {
    const int i = static_cast<int>(random() % kOtherKeys);
    const std::string key = OtherKey(i);
    absl::Status status;
    if (writes && operations % 2 == 0) {
      status = (*store)->Put(key, test::CheckedValue(key, operations, kMaxValue)).status();
    } else {
      status = (*store)->Get(key, &value).status();
      if (status.ok() && !test::IsCheckedValue(key, value)) status = absl::DataLossError("torn");
      if (absl::IsUnavailable(status)) status = absl::OkStatus();  // contended: allowed, I3
    }
    ++operations;
    if (!status.ok()) {
      ++wrong;
      last = status;
    }
  }
  watcher.join();
  std::printf("%s: %llu operations, %llu wrong%s%s\n", args[1].c_str(),
              static_cast<unsigned long long>(operations), static_cast<unsigned long long>(wrong),
              wrong != 0 ? ", the last: " : "", std::string(last.message()).c_str());
  return wrong == 0 ? 0 : 1;
}

class KillStormTest : public test::DaemonFixture {
 protected:
  // Which of its two notes key `i` is as; what it is instead, if neither.
  static absl::StatusOr<uint64_t> NoteOf(const Store& store, const Notes& notes, int i) {
    const auto absent = [](uint64_t note) { return note == 0 || (note & kDeleted) != 0; };
    std::string value;
    const absl::Status status = store.Get(VictimKey(i), &value).status();
    uint64_t number = 0;
    if (status.ok() && !test::IsCheckedValue(VictimKey(i), value, &number)) {
      return absl::DataLossError("torn");
    }
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    for (const uint64_t note : {notes.begun[i].load(), notes.done[i].load()}) {
      if (status.ok() ? !absent(note) && note >> 1 == number : absent(note)) return note;
    }
    return absl::DataLossError(absl::StrCat(status.ok() ? absl::StrCat("holds ", number) : "absent",
                                            ", noted ", notes.done[i].load() >> 1, " done, ",
                                            notes.begun[i].load() >> 1, " begun"));
  }
};

TEST_F(KillStormTest, NothingIsLostTornOrStuck) {
  const auto kills = static_cast<int>(test::Amount(CUBBY_KILLS, CUBBY_KILLS_WHOLE));
  ASSERT_TRUE(StartDaemon({"--capacity", "96", "--max-value", "4KiB", "--extent-pool", "2MiB"}));
  const std::string notes_name = test::UniqueStoreName("notes");
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(notes_name, sizeof(Notes), 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  absl::Cleanup remove_notes = [&] { EXPECT_TRUE(os::Mapping::Remove(notes_name).ok()); };
  auto* notes = reinterpret_cast<Notes*>(mapping->data());
  OpenOptions read_only;
  read_only.mode = Mode::kReadOnly;
  absl::StatusOr<std::unique_ptr<Store>> reader = Store::Open(store(), read_only);
  ASSERT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<std::unique_ptr<Store>> heir = Store::Open(store());
  ASSERT_TRUE(heir.ok()) << heir.status();
  for (int i = 0; i < kOtherKeys; ++i) {
    ASSERT_TRUE((*heir)->Put(OtherKey(i), test::CheckedValue(OtherKey(i), i, kMaxValue)).ok());
  }

  const int seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  std::mt19937_64 random(seed);
  std::vector<std::unique_ptr<test::Subprocess>> bystanders;
  for (const char* role : {"read", "read", "write"}) {
    auto bystander = test::StartChild("Bystander", {store(), role, absl::StrCat(random())});
    ASSERT_TRUE(bystander.ok()) << bystander.status();
    ASSERT_TRUE(test::WaitUntilReady(**bystander).ok());
    bystanders.push_back(*std::move(bystander));
  }

  std::vector<double> next_put_ms;
  for (int kill = 0; kill < kills; ++kill) {
    auto victim = test::StartChild("Victim", {store(), notes_name, absl::StrCat(random())});
    ASSERT_TRUE(victim.ok()) << victim.status();
    ASSERT_TRUE(test::WaitUntilReady(**victim).ok());
    // A random moment of the work, not of the start-up; the length of the wait decides nothing
    // else.
    const uint64_t until = os::BootNanos() + random() % 2'000'000;
    while (os::BootNanos() < until) {
    }
    (*victim)->Kill();
    const test::ExitResult ended = (*victim)->Wait(absl::Seconds(10));
    ASSERT_EQ(ended.exit_code, 137) << ended.err;

    for (int i = 0; i < kVictimKeys; ++i) {  // before anybody has mended anything
      const absl::StatusOr<uint64_t> note = NoteOf(**reader, *notes, i);
      ASSERT_TRUE(note.ok()) << note.status() << ", key " << i << ", kill " << kill << ", seed "
                             << seed;
      // It was seen, so it stays.
      notes->begun[i] = *note;
      notes->done[i] = *note;
    }
    const uint64_t before = os::BootNanos();
    const std::string key = OtherKey(kill % kOtherKeys);
    const absl::Status put = (*heir)->Put(key, test::CheckedValue(key, kill, kMaxValue)).status();
    next_put_ms.push_back(static_cast<double>(os::BootNanos() - before) / 1e6);
    ASSERT_TRUE(put.ok()) << put << ", kill " << kill;
    for (int i = 0; i < kVictimKeys; ++i) {
      const absl::StatusOr<uint64_t> note = NoteOf(**heir, *notes, i);
      ASSERT_TRUE(note.ok()) << note.status() << ", key " << i << ", mended after kill " << kill
                             << ", seed " << seed;
    }
  }

  for (std::unique_ptr<test::Subprocess>& bystander : bystanders) {
    bystander->CloseInput();
    const test::ExitResult result = bystander->Wait(absl::Seconds(30));
    std::printf("%s", result.out.c_str());
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
  const test::ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  const StoreStats stats = (*heir)->Stats();
  const auto ms = [&next_put_ms](double fraction) {
    return absl::StrFormat("%.3f ms", test::Percentile(next_put_ms, fraction));
  };
  test::Report("kill storm", {{"kills", absl::StrCat(kills)},
                              {"with the lock held", absl::StrCat(stats.lock_takeovers)},
                              {"mended", absl::StrCat(stats.mends)},
                              {"next put p50", ms(0.5)},
                              {"p99", ms(0.99)},
                              {"max", ms(1)}});
}

}  // namespace
}  // namespace cubby
