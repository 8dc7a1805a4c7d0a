// Four writers, of whom one after the other is killed at a random moment, and two readers who only
// read: nothing that was acknowledged is lost, nothing is torn, nobody is stuck, and the next
// writer goes on at once.
//
// Each writer has keys of its own, and notes in a mapping, before each operation, what it is about
// to do to the key, and after it that it is done. Whatever moment it dies at, the key must be as
// the one or the other note says. Another set of keys all writers write, and the readers read.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/layout.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

constexpr int kWriters = 4;
constexpr int kOwnKeys = 16;  // of each writer
constexpr int kCommonKeys = 64;
constexpr size_t kMaxValue = 1500;      // about half of the values go to extents
constexpr uint64_t kDeleted = 1;        // in a note: the operation is a delete
constexpr uint64_t kSeatBits = 0x7fff;  // of the lock's word (os/writer_lock.h)
// Long after anybody who is not stuck has gone on.
constexpr absl::Duration kStuck = absl::Seconds(60);

// What a writer is at. A note is [ number : 63 | deleted : 1 ]; 0: nothing yet.
struct Notes {
  std::atomic<uint64_t> next_number[kOwnKeys];
  std::atomic<uint64_t> begun[kOwnKeys];
  std::atomic<uint64_t> done[kOwnKeys];
  std::atomic<uint64_t> seat;  // kSeatBits of the lock's word while this writer has it
};

std::string OwnKey(int writer, int i) { return absl::StrCat("writer", writer, ":", i); }
std::string CommonKey(uint64_t i) { return absl::StrCat("common", i); }

const table::FixedPart& FixedPartOf(const os::Mapping& bytes) {
  return *reinterpret_cast<const table::FixedPart*>(bytes.data());
}

// Whoever opens the store for writing raises one of these, its seat's.
std::vector<uint32_t> Incarnations(const os::Mapping& bytes) {
  std::vector<uint32_t> incarnations;
  for (const auto& of_seat : FixedPartOf(bytes).incarnations.of_seat) {
    incarnations.push_back(of_seat.load());
  }
  return incarnations;
}

absl::StatusOr<std::unique_ptr<Store>> OpenToStay(const std::string& name, Mode mode) {
  OpenOptions options;
  options.mode = mode;
  options.lock_timeout = kStuck;
  return Store::Open(name, options);
}

// args: store, notes' mapping, the writer's number, seed. Works until it is killed; returns only on
// an error.
CUBBY_CHILD(Writer) {
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(args[1], os::Access::kReadWrite);
  absl::StatusOr<os::Mapping> bytes = os::Mapping::Open(args[0], os::Access::kReadOnly);
  int writer = 0;
  if (!mapping.ok() || !bytes.ok() || !absl::SimpleAtoi(args[2], &writer)) return 2;
  const std::vector<uint32_t> before = Incarnations(*bytes);
  absl::StatusOr<std::unique_ptr<Store>> store = OpenToStay(args[0], Mode::kReadWrite);
  if (!store.ok()) return 2;
  Notes& notes = reinterpret_cast<Notes*>(mapping->data())[writer];
  const std::vector<uint32_t> after = Incarnations(*bytes);
  const auto changed = std::mismatch(before.begin(), before.end(), after.begin());
  notes.seat = static_cast<uint64_t>(changed.first - before.begin()) + 1;
  std::mt19937_64 random(std::strtoull(args[3].c_str(), nullptr, 10));
  test::ReportReady();
  struct Plan {
    int own;  // which of its own keys; -1: a common one
    uint64_t note;
    std::string key;
    std::string value;
  };
  const auto plan = [&] {
    const uint64_t choice = random();
    if (choice % 4 == 0) {
      const std::string key = CommonKey((choice >> 8) % kCommonKeys);
      return Plan{-1, 0, key, test::CheckedValue(key, choice, kMaxValue)};
    }
    const int i = static_cast<int>((choice >> 8) % kOwnKeys);
    const uint64_t number = notes.next_number[i].fetch_add(1) + 1;
    const bool remove = number > 1 && choice % 4 == 1;
    return Plan{i, number << 1 | (remove ? kDeleted : 0), OwnKey(writer, i),
                test::CheckedValue(OwnKey(writer, i), number, kMaxValue)};
  };
  std::vector<Plan> plans;
  const auto removes = [](const Plan& one) { return one.own >= 0 && (one.note & kDeleted) != 0; };
  // Whether plans[next] may go in one call with those from `first` on: all puts of different keys.
  const auto joins = [&](size_t first, size_t next) {
    if (next == plans.size() || removes(plans[first]) || removes(plans[next])) return false;
    return std::none_of(&plans[first], &plans[next],
                        [&](const Plan& one) { return one.key == plans[next].key; });
  };
  for (;;) {
    // Many at a time: between the operations then is little but operations to be killed in.
    plans.clear();
    for (int i = 0; i < 200; ++i) plans.push_back(plan());
    for (size_t at = 0; at < plans.size();) {
      // Half of the writers put in company.
      std::vector<absl::string_view> keys = {plans[at].key};
      std::vector<absl::string_view> values = {plans[at].value};
      while (writer % 2 == 1 && joins(at, at + keys.size())) {
        values.emplace_back(plans[at + keys.size()].value);
        keys.emplace_back(plans[at + keys.size()].key);
      }
      const auto now = absl::MakeSpan(plans).subspan(at, keys.size());
      for (const Plan& one : now) {
        if (one.own >= 0) notes.begun[one.own].store(one.note);
      }
      std::vector<absl::StatusOr<uint64_t>> results(keys.size());
      absl::Status status;
      if (removes(now[0])) {
        status = (*store)->Delete(now[0].key);
        if (absl::IsNotFound(status)) status = absl::OkStatus();
      } else if (keys.size() == 1) {
        status = (*store)->Put(now[0].key, now[0].value).status();
      } else {
        status = (*store)->MultiPut(keys, values, absl::MakeSpan(results));
        for (const absl::StatusOr<uint64_t>& result : results) status.Update(result.status());
      }
      if (!status.ok()) {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        return 3;
      }
      for (const Plan& one : now) {
        if (one.own >= 0) notes.done[one.own].store(one.note);
      }
      at += now.size();
    }
  }
}

// args: store, seed. Reads the common keys until its input ends.
CUBBY_CHILD(Reader) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenToStay(args[0], Mode::kReadOnly);
  if (!store.ok()) return 2;
  std::mt19937_64 random(std::strtoull(args[1].c_str(), nullptr, 10));
  std::atomic<bool> stop{false};
  std::thread watcher([&stop] {
    test::WaitForInputEnd();
    stop = true;
  });
  test::ReportReady();
  uint64_t gets = 0, contended = 0, wrong = 0;
  absl::Status last;
  std::string value;
  for (; !stop; ++gets) {
    const std::string key = CommonKey(random() % kCommonKeys);
    absl::Status status = (*store)->Get(key, &value).status();
    if (status.ok() && !test::IsCheckedValue(key, value)) status = absl::DataLossError("torn");
    if (absl::IsUnavailable(status)) {  // allowed
      ++contended;
    } else if (!status.ok()) {
      ++wrong;
      last = status;
    }
  }
  watcher.join();
  std::printf("%llu gets, %llu contended, %llu wrong%s%s\n", static_cast<unsigned long long>(gets),
              static_cast<unsigned long long>(contended), static_cast<unsigned long long>(wrong),
              wrong != 0 ? ", the last: " : "", std::string(last.message()).c_str());
  return wrong == 0 ? 0 : 1;
}

class KillStormTest : public test::DaemonFixture {
 protected:
  // Which of its two notes the writer's key `i` is as; what it is instead, if neither.
  static absl::StatusOr<uint64_t> NoteOf(const Store& store, const Notes& notes, int writer,
                                         int i) {
    const auto absent = [](uint64_t note) { return note == 0 || (note & kDeleted) != 0; };
    const std::string key = OwnKey(writer, i);
    std::string value;
    const absl::Status status = store.Get(key, &value).status();
    uint64_t number = 0;
    if (status.ok() && !test::IsCheckedValue(key, value, &number)) {
      return absl::DataLossError("torn");
    }
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    for (const uint64_t note : {notes.begun[i].load(), notes.done[i].load()}) {
      if (status.ok() ? !absent(note) && note >> 1 == number : absent(note)) return note;
    }
    return absl::NotFoundError(
        absl::StrCat("lost: ", status.ok() ? absl::StrCat("holds ", number) : "absent", ", noted ",
                     notes.done[i].load() >> 1, " done, ", notes.begun[i].load() >> 1, " begun"));
  }

  // Every key of the dead writer is as one of its notes, which then is both: it was seen, so it
  // stays.
  static void CheckKeys(const Store& store, int writer, Notes* notes) {
    for (int i = 0; i < kOwnKeys; ++i) {
      const absl::StatusOr<uint64_t> note = NoteOf(store, *notes, writer, i);
      ASSERT_TRUE(note.ok()) << note.status() << ", " << OwnKey(writer, i);
      notes->begun[i] = *note;
      notes->done[i] = *note;
    }
  }

  std::unique_ptr<test::Subprocess> Start(const char* child, std::vector<std::string> args) {
    args.insert(args.begin(), store());
    absl::StatusOr<std::unique_ptr<test::Subprocess>> started = test::StartChild(child, args);
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }
};

TEST_F(KillStormTest, NothingIsLostTornOrStuck) {
  const auto kills = static_cast<int>(test::Amount(CUBBY_KILLS, CUBBY_KILLS_WHOLE));
  ASSERT_TRUE(StartDaemon({"--capacity", "128", "--max-value", "4KiB", "--extent-pool", "2MiB"}));
  const std::string notes_name = test::UniqueStoreName("notes");
  absl::StatusOr<os::Mapping> mapping =
      os::Mapping::Create(notes_name, kWriters * sizeof(Notes), 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  absl::Cleanup remove_notes = [&] { EXPECT_TRUE(os::Mapping::Remove(notes_name).ok()); };
  auto* notes = reinterpret_cast<Notes*>(mapping->data());
  absl::StatusOr<os::Mapping> bytes = os::Mapping::Open(store(), os::Access::kReadOnly);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  absl::StatusOr<std::unique_ptr<Store>> reader = OpenToStay(store(), Mode::kReadOnly);
  ASSERT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<std::unique_ptr<Store>> heir = OpenToStay(store(), Mode::kReadWrite);
  ASSERT_TRUE(heir.ok()) << heir.status();
  const auto put_common = [&heir](uint64_t i) {
    const std::string key = CommonKey(i % kCommonKeys);
    return (*heir)->Put(key, test::CheckedValue(key, i, kMaxValue)).status();
  };
  for (uint64_t i = 0; i < kCommonKeys; ++i) ASSERT_TRUE(put_common(i).ok());

  const int seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  std::mt19937_64 random(seed);
  std::vector<std::unique_ptr<test::Subprocess>> readers;
  readers.reserve(2);
  for (int i = 0; i < 2; ++i) readers.push_back(Start("Reader", {absl::StrCat(random())}));
  const auto start_writer = [&](int writer) {
    return Start("Writer", {notes_name, absl::StrCat(writer), absl::StrCat(random())});
  };
  std::vector<std::unique_ptr<test::Subprocess>> writers;
  writers.reserve(kWriters);
  for (int i = 0; i < kWriters; ++i) writers.push_back(start_writer(i));

  std::vector<double> next_put_ms, takeover_ms;
  for (int kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE(absl::StrCat("kill ", kill, ", seed ", seed));
    // A random moment; the length of the wait decides nothing else.
    const uint64_t until = os::BootNanos() + random() % 2'000'000;
    while (os::BootNanos() < until) {
    }
    // Half of the time the writer that has the lock, if one has; by the time it dies it may have
    // given it back. (Two that start at once may take each other's seat for their own: then it is
    // another one.)
    auto victim = static_cast<int>(random() % kWriters);
    if (random() % 2 == 0) {
      const uint64_t owner = FixedPartOf(*bytes).lock.lock.word.load() & kSeatBits;
      for (int i = 0; i < kWriters; ++i) {
        if (notes[i].seat == owner && owner != 0) victim = i;
      }
    }
    ASSERT_NE(writers[victim], nullptr);
    ASSERT_TRUE(test::WaitUntilReady(*writers[victim]).ok());
    const uint64_t takeovers = (*heir)->Stats().lock_takeovers;
    writers[victim]->Kill();
    const test::ExitResult ended = writers[victim]->Wait(kStuck);
    ASSERT_EQ(ended.exit_code, 137) << ended.err;

    // As it left them: they are nobody else's, and to be read before anybody has mended anything.
    ASSERT_NO_FATAL_FAILURE(CheckKeys(**reader, victim, &notes[victim]));
    const auto before = std::chrono::steady_clock::now();
    const absl::Status put = put_common(static_cast<uint64_t>(kill));
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before)
            .count();
    ASSERT_TRUE(put.ok()) << put;
    next_put_ms.push_back(ms);
    if ((*heir)->Stats().lock_takeovers != takeovers) takeover_ms.push_back(ms);
    ASSERT_NO_FATAL_FAILURE(CheckKeys(**heir, victim, &notes[victim])) << "mended";
    notes[victim].seat = 0;
    writers[victim] = start_writer(victim);
  }

  for (std::unique_ptr<test::Subprocess>& process : readers) {
    process->CloseInput();
    const test::ExitResult result = process->Wait(kStuck);
    std::printf("%s", result.out.c_str());
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
  for (std::unique_ptr<test::Subprocess>& process : writers) {
    process->Kill();
    const test::ExitResult ended = process->Wait(kStuck);
    EXPECT_EQ(ended.exit_code, 137) << ended.err;
  }
  const test::ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  const StoreStats stats = (*heir)->Stats();
  const auto ms = [](const std::vector<double>& samples, double fraction) {
    return samples.empty() ? "none"
                           : absl::StrFormat("%.3f ms", test::Percentile(samples, fraction));
  };
  // The first three are always 0 here: the test has ended at the first one.
  test::Report("kill storm", {{"acknowledged writes lost", "0"},
                              {"torn", "0"},
                              {"deadlocks", "0"},
                              {"kills", absl::StrCat(kills)},
                              {"with the lock held", absl::StrCat(takeover_ms.size())},
                              {"mended", absl::StrCat(stats.repairs)},
                              {"next put p50", ms(next_put_ms, 0.5)},
                              {"next put p99", ms(next_put_ms, 0.99)},
                              {"takeover p50", ms(takeover_ms, 0.5)},
                              {"takeover p99", ms(takeover_ms, 0.99)},
                              {"takeover max", ms(takeover_ms, 1)}});
}

}  // namespace
}  // namespace cubby
