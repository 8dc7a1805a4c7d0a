// A writer that dies at any single instruction of an operation (Linux, by ptrace's single steps).
// Before anybody mends anything, a read-only reader sees the old state or the new one; then another
// writer goes on, and then nothing is amiss.
//
// What a death leaves behind is the mapping's bytes and the kernel's word that the owner is gone.
// So at every instruction the bytes are copied and judged as if the victim had died there; and at
// some instructions, each time others, it is really killed, and the living go on with the real
// store; in the whole test (tests/support/torture.h) at each one.
//
// To have another operation walked through, add a line to the table at the end.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/mapping.h"
#include "table/checker.h"
#include "table/geometry.h"
#include "table/hash.h"
#include "table/reader.h"
#include "table/table.h"
#include "table/writer.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

using ::testing::IsEmpty;

constexpr char kKey[] = "the key under the knife";
constexpr char kAbsent[] = "<absent>";

struct Operation {
  const char* name;
  std::string before;  // the key's value, or kAbsent
  std::string after;
  bool full_home =
      false;  // whether the key's home bucket is full of others, so that it lives in the next
};

void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }

class EveryInstructionTest : public test::DaemonFixture,
                             public ::testing::WithParamInterface<Operation> {
 protected:
  void SetKey(Store& store, const std::string& value) {
    absl::Status status = value == kAbsent ? store.Delete(kKey) : store.Put(kKey, value).status();
    if (absl::IsNotFound(status)) status = absl::OkStatus();
    ASSERT_TRUE(status.ok()) << status;
  }

  // Keys to keep the one under test company: three, or as many as fill its home bucket.
  static std::vector<std::string> Fillers(const table::Geometry& geometry, bool full_home) {
    const auto home = [&geometry](const std::string& key) {
      return table::HomeBucket(table::HashKey(key, geometry.hash_seed), geometry.bucket_count);
    };
    std::vector<std::string> fillers;
    for (int i = 0; fillers.size() < (full_home ? geometry.ways - 1 : 3); ++i) {
      std::string key = absl::StrCat("filler", i);
      if (!full_home || home(key) == home(kKey)) fillers.push_back(std::move(key));
    }
    return fillers;
  }

  // Starts a process that stops itself right before it applies `after`, and again right behind it.
  pid_t StartVictim(const std::string& after) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    // What the parent opened is of no use here: this is a writer of its own.
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    if (!opened.ok()) {
      std::fprintf(stderr, "victim: %s\n", opened.status().ToString().c_str());
      _exit(2);
    }
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
      std::perror("victim: ptrace");
      _exit(2);
    }
    Store& victim = **opened;
    raise(SIGSTOP);
    if (after == kAbsent) {
      (void)victim.Delete(kKey);
    } else {
      (void)victim.Put(kKey, after);
    }
    raise(SIGUSR1);
    _exit(0);
  }

  static void WaitUntilStopped(pid_t pid) {
    ASSERT_GT(pid, 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) << status;
  }

  static void End(pid_t pid) {
    kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
  }

  // Reads the key, and every filler, as they are: the old value or the new one (into *value), at
  // the first try.
  static void ReadKey(const table::Table& table, const Operation& operation,
                      const std::vector<std::string>& fillers, std::string* value) {
    const table::Reader reader(table);
    table::Found found;
    const table::Outcome outcome = reader.Get(kKey, table::StringSink(value), &found);
    if (outcome == table::Outcome::kNotFound) {
      *value = kAbsent;
    } else {
      ASSERT_EQ(outcome, table::Outcome::kFound);
    }
    ASSERT_TRUE(*value == operation.before || *value == operation.after) << *value;
    for (const std::string& filler : fillers) {
      ASSERT_EQ(reader.Get(filler, table::NoSink(), &found), table::Outcome::kFound) << filler;
    }
  }

  // On a copy of the mapping's bytes: another writer puts a key, after which all is sound and the
  // key is as it was seen.
  void JudgeBytes(const os::Mapping& mapping, const Operation& operation,
                  const std::vector<std::string>& fillers, const std::string& seen) {
    copy_.resize((mapping.size() + sizeof(Line) - 1) / sizeof(Line));
    char* bytes = reinterpret_cast<char*>(copy_.data());
    std::memcpy(bytes, mapping.data(), mapping.size());
    const table::WritableTable table(bytes, table::ReadGeometry(bytes, mapping.size()).value());
    table::PutRequest request;
    request.key = "heir";
    request.value = "h";
    request.hash = table::HashKey(request.key, table.geometry().hash_seed);
    ASSERT_TRUE(table::Writer(table).Put(request).ok());
    const table::CheckResult check = table::Check(table);
    ASSERT_THAT(check.problems, IsEmpty());
    ASSERT_EQ(check.loose_overflow_counts, 0u);
    std::string value;
    ASSERT_NO_FATAL_FAILURE(ReadKey(table, operation, fillers, &value));
    ASSERT_EQ(value, seen);
  }

  // Lets the stopped victim run `steps` instructions. False once it has come to its end.
  static bool Step(pid_t pid, int steps) {
    for (int i = 0; i < steps; ++i) {
      int status = 0;
      if (ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0 ||
          waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        ADD_FAILURE() << "the victim did not step: status " << status;
        return false;
      }
      if (WSTOPSIG(status) == SIGUSR1) return false;
    }
    return true;
  }

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  std::vector<Line> copy_;
};

TEST_P(EveryInstructionTest, LeavesOldOrNewAndTheNextWriterGoesOn) {
  const Operation& operation = GetParam();
  ASSERT_TRUE(StartDaemon(
      {"--capacity", "40", "--slot-bytes", "64", "--max-value", "2000", "--extent-pool", "16KiB"}));
  absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
  ASSERT_TRUE(opened.ok()) << opened.status();
  Store& heir = **opened;
  absl::StatusOr<os::Mapping> mapping = os::Mapping::Open(store(), os::Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const table::Table table(mapping->data(),
                           table::ReadGeometry(mapping->data(), mapping->size()).value());
  const std::vector<std::string> fillers = Fillers(table.geometry(), operation.full_home);
  for (const std::string& filler : fillers) ASSERT_TRUE(heir.Put(filler, "f").ok()) << filler;

  // First, one walk from end to end, with every stop judged by its bytes.
  SetKey(heir, operation.before);
  pid_t pid = StartVictim(operation.after);
  ASSERT_NO_FATAL_FAILURE(WaitUntilStopped(pid));
  int old_seen = 0;
  int new_seen = 0;
  int steps = 0;
  bool midway = true;
  for (; midway; ++steps) {
    std::string value;
    ASSERT_NO_FATAL_FAILURE(ReadKey(table, operation, fillers, &value)) << "after " << steps;
    (value == operation.after ? new_seen : old_seen) += 1;
    ASSERT_NO_FATAL_FAILURE(JudgeBytes(*mapping, operation, fillers, value)) << "after " << steps;
    midway = Step(pid, 1);
  }
  ASSERT_NO_FATAL_FAILURE(End(pid));
  ASSERT_GT(old_seen, 0);
  ASSERT_GT(new_seen, 0);

  // Then real deaths.
  const uint64_t seed = ::testing::UnitTest::GetInstance()->random_seed() + 1;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  const auto stride = static_cast<int>(test::Amount(40, 1));
  const uint64_t takeovers_before = heir.Stats().lock_takeovers;
  int kills = 0;
  for (int at = static_cast<int>(random() % stride); at < steps; at += stride, ++kills) {
    SetKey(heir, operation.before);
    pid = StartVictim(operation.after);
    ASSERT_NO_FATAL_FAILURE(WaitUntilStopped(pid));
    Step(pid, at);
    ASSERT_NO_FATAL_FAILURE(End(pid));
    std::string value;
    ASSERT_NO_FATAL_FAILURE(ReadKey(table, operation, fillers, &value)) << "killed after " << at;
    ASSERT_TRUE(heir.Put("heir", absl::StrCat(at)).ok()) << "killed after " << at;
    ASSERT_TRUE(heir.Delete("heir").ok());
    const table::CheckResult check = table::Check(table);
    ASSERT_THAT(check.problems, IsEmpty()) << "killed after " << at;
    ASSERT_EQ(check.loose_overflow_counts, 0u) << "killed after " << at;
  }
  const uint64_t takeovers = heir.Stats().lock_takeovers - takeovers_before;
  test::Report(absl::StrCat("every instruction of ", operation.name),
               {{"instructions", absl::StrCat(steps)},
                {"old state", absl::StrCat(old_seen)},
                {"new state", absl::StrCat(new_seen)},
                {"killed", absl::StrCat(kills)},
                {"with the lock held", absl::StrCat(takeovers)}});
  EXPECT_GT(takeovers, 0u);
}

std::string Long(size_t bytes, char fill) { return std::string(bytes, fill); }

INSTANTIATE_TEST_SUITE_P(
    Operations, EveryInstructionTest,
    ::testing::Values(Operation{"PutNew", kAbsent, "new"}, Operation{"Overwrite", "old", "new"},
                      Operation{"Delete", "old", kAbsent},
                      Operation{"PutNewOverflowing", kAbsent, "new", true},
                      Operation{"OverwriteOverflowed", "old", "new", true},
                      Operation{"DeleteOverflowed", "old", kAbsent, true},
                      Operation{"GrowIntoExtents", "old", Long(300, 'n')},
                      Operation{"ShrinkOutOfExtents", Long(1500, 'o'), "new"},
                      Operation{"OverwriteInExtents", Long(1500, 'o'), Long(1200, 'n')},
                      Operation{"DeleteFromExtents", Long(1500, 'o'), kAbsent}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cubby
