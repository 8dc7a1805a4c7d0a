// The programs where the system grants them little: descriptors, addresses, a container's memory.
// Whatever it is that they cannot have, they say so in a line, and the store is as good as before.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "program/exit_code.h"
#include "tests/support/checked_value.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

namespace fs = std::filesystem;
using ::testing::MatchesRegex;

constexpr absl::Duration kLong = absl::Seconds(60);
// Of the shell, when a program cannot be loaded at all.
constexpr int kNotStarted = 127;
constexpr uint64_t kGroupBytes = 96 << 20;
constexpr uint64_t kKeys = 500;
constexpr size_t kMaxValue = 16'000;

// A sanitizer needs descriptors and addresses for itself.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class LimitsTest : public test::DaemonFixture {
 protected:
  test::SubprocessOptions Environment() const {
    test::SubprocessOptions options;
    options.environment = {{"CUBBY_STORE", store()}};
    return options;
  }
  // A program of ours under a limit that the shell's `ulimit` knows. `words` have no need of
  // quotes.
  static std::vector<std::string> Limited(const std::string& limit, absl::string_view program,
                                          const std::string& words) {
    return {"/bin/sh", "-c",
            absl::StrCat("ulimit ", limit, " && exec ", test::ProgramPath(program), " ", words)};
  }
  // True if it did its work, or a test failure unless it said in one line why not.
  static bool WorkedOrSaidWhyNot(const test::ExitResult& result, absl::string_view program,
                                 const std::string& about) {
    if (result.exit_code == 0) {
      EXPECT_EQ(result.err, "") << about;
      return true;
    }
    // The loader's or the shell's words, before a line of ours was run.
    if (result.exit_code == kNotStarted) return false;
    EXPECT_GT(result.exit_code, 0) << about << ": " << result.err;
    EXPECT_LE(result.exit_code, static_cast<int>(program::ExitCode::kSystem))
        << about << result.err;
    EXPECT_THAT(result.err, MatchesRegex(absl::StrCat(program, ": [^\n]+\n"))) << about;
    return false;
  }
};

TEST_F(LimitsTest, EveryNumberOfDescriptors) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer needs some itself";
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  int worked = 0, refused = 0;
  for (int descriptors = 3; descriptors <= 16; ++descriptors) {
    for (const char* words : {"get k", "put k v", "scan", "ping", "stats", "check", "count"}) {
      const std::string about = absl::StrCat(words, " with ", descriptors);
      const test::ExitResult result =
          test::Run(Limited(absl::StrCat("-n ", descriptors), "cubby", words), Environment());
      ++(WorkedOrSaidWhyNot(result, "cubby", about) ? worked : refused);
      if (result.exit_code == 0 && about[0] == 'g') {
        EXPECT_EQ(result.out, "v");
      }
    }
  }
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
  ExpectSound();
  EXPECT_GT(worked, 0);
  test::Report("few descriptors", {{"commands that worked", absl::StrCat(worked)},
                                   {"that said why not", absl::StrCat(refused)},
                                   {"otherwise", "0"}});
}

TEST_F(LimitsTest, DaemonWithEveryNumberOfDescriptors) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer needs some itself";
  ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  KillDaemon();
  int served = 0;
  for (int descriptors = 3; descriptors <= 20; ++descriptors) {
    auto daemon = test::Subprocess::Start(
        Limited(absl::StrCat("-n ", descriptors), "cubbyd", absl::StrCat("--store ", store())));
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    const bool serves = (*daemon)->WaitForError("serving", kLong).ok();
    if (serves) {
      ++served;
      // It may have none left for an answer. Then it says so, and goes on.
      const test::ExitResult ping = Cubby({"--timeout", "200ms", "ping"});
      EXPECT_TRUE(ping.exit_code == 0 || ping.exit_code == 7) << ping.exit_code << ping.err;
      EXPECT_TRUE((*daemon)->Running());
      (*daemon)->Kill();
    }
    const test::ExitResult ended = (*daemon)->Wait(kLong);
    if (!serves) WorkedOrSaidWhyNot(ended, "cubbyd", absl::StrCat(descriptors, " descriptors"));
    EXPECT_EQ(Cubby({"get", "k"}).out, "v") << descriptors;
  }
  EXPECT_GT(served, 0);
  ASSERT_TRUE(StartDaemon());
  ExpectSound();
}

// The system calls a thread without memory for its stack one too many.
TEST_F(LimitsTest, DaemonWithoutMemoryForAThreadNamesBothCauses) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer needs more than there can be";
  const test::ExitResult ended =
      test::Run(Limited("-d 5000", "cubbyd", absl::StrCat("--store ", store())));
  EXPECT_EQ(ended.exit_code, 10);
  EXPECT_THAT(ended.err,
              MatchesRegex("cubbyd: cannot start a thread for the log: .*: allow more threads "
                           "\\(ulimit -u\\) and memory \\(ulimit -v, ulimit -d\\)\n"));
}

TEST_F(LimitsTest, EveryAmountOfAddresses) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer needs more than there can be";
  constexpr int kStepKiB = 256;
  int least = 4096;
  const auto version = [&] {
    return test::Run(Limited(absl::StrCat("-v ", least), "cubby", "version")).exit_code;
  };
  while (least < (256 << 10) && version() != 0) least += kStepKiB;
  ASSERT_EQ(version(), 0);
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--max-value", "4MiB"}));
  ASSERT_EQ(Cubby({"put", "k", std::string(100'000, 'v')}).exit_code, 0);
  int worked = 0, refused = 0;
  // From where it can just be loaded to where it can do anything.
  for (int step = 0; step < 48; ++step) {
    const std::string limit = absl::StrCat("-v ", least + step * kStepKiB);
    for (const char* words : {"get k", "put k v", "scan", "check"}) {
      const std::string about = absl::StrCat(words, " with ", limit);
      const test::ExitResult result = test::Run(Limited(limit, "cubby", words), Environment());
      ++(WorkedOrSaidWhyNot(result, "cubby", about) ? worked : refused);
    }
  }
  ExpectSound();
  EXPECT_GT(worked, 0);
  EXPECT_GT(refused, 0);
  test::Report("few addresses", {{"commands that worked", absl::StrCat(worked)},
                                 {"that said why not", absl::StrCat(refused)},
                                 {"otherwise", "0"}});
}

// A control group of the memory controller, of whichever version the system has.
class MemoryGroup {
 public:
  // Null if there is none to be had.
  static std::unique_ptr<MemoryGroup> Make(const std::string& name, uint64_t limit_bytes) {
    for (const char* const* kind : {kVersion1, kVersion2}) {
      const fs::path path = fs::path(kind[0]) / name;
      if (!fs::exists(fs::path(kind[0]) / kind[1]) || mkdir(path.c_str(), 0755) != 0) continue;
      auto group = std::unique_ptr<MemoryGroup>(new MemoryGroup(path));
      if ((std::ofstream(path / kind[2]) << limit_bytes).flush()) return group;
    }
    return nullptr;
  }
  ~MemoryGroup() {
    // Until the last process is out of it.
    for (int i = 0; i < 1000 && rmdir(path_.c_str()) != 0; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  std::string processes() const { return path_ / "cgroup.procs"; }

 private:
  explicit MemoryGroup(fs::path path) : path_(std::move(path)) {}

  // Where groups are made, a file that is there if the controller is, and the one with the limit.
  static constexpr const char* kVersion1[] = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                              "memory.limit_in_bytes"};
  static constexpr const char* kVersion2[] = {"/sys/fs/cgroup", "cgroup.subtree_control",
                                              "memory.max"};
  const fs::path path_;
};

// args: store, the group's list of processes, seed. Enters the group and puts, while another thread
// takes more memory than the group may have; once before. (The store's own pages are the daemon's
// group's, which made them.)
CUBBY_CHILD(WriterInAGroup) {
  if (!(std::ofstream(args[1]) << getpid()).flush()) return 2;
  OpenOptions options;
  options.lock_timeout = kLong;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(args[0], options);
  if (!store.ok()) return 3;
  const auto put = [&store](uint64_t i) {
    const std::string key = absl::StrCat("key", i % kKeys);
    if (!(*store)->Put(key, test::CheckedValue(key, i, kMaxValue)).ok()) _exit(4);
  };
  const uint64_t first = std::stoull(args[2]);
  put(first);
  const std::thread glutton([] {
    for (;;) {
      constexpr size_t kAtOnce = 64 << 10;
      void* const memory = mmap(nullptr, kAtOnce, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (memory == MAP_FAILED) _exit(5);
    }
  });
  for (uint64_t i = first + 1;; ++i) put(i);
}

TEST_F(LimitsTest, WriterEndedForItsGroupsMemory) {
  const uint64_t rounds = test::Amount(10, 100);
  ASSERT_TRUE(
      StartDaemon({"--capacity", "1000", "--max-value", "16KiB", "--extent-pool", "32MiB"}));
  for (uint64_t round = 0; round < rounds; ++round) {
    {
      const auto group = MemoryGroup::Make(store(), kGroupBytes);
      if (group == nullptr) {
        GTEST_SKIP() << "no control group of the memory controller can be made here";
      }
      const std::unique_ptr<test::Subprocess> writer =
          StartUser("WriterInAGroup", {group->processes(), absl::StrCat(round * 1'000'000)});
      ASSERT_NE(writer, nullptr);
      const test::ExitResult ended = writer->Wait(kLong);
      ASSERT_EQ(ended.exit_code, 128 + SIGKILL) << ended.out << ended.err;
    }
    auto opened = Store::Open(store());
    ASSERT_TRUE(opened.ok()) << opened.status();
    const absl::Status put = (*opened)->Put("after", "v").status();
    ASSERT_TRUE(put.ok()) << put;
    uint64_t entries = 0;
    const absl::Status all =
        (*opened)->ForEach([&](absl::string_view key, absl::string_view value, const Entry&) {
          EXPECT_TRUE(key == "after" || test::IsCheckedValue(key, value)) << key;
          ++entries;
          return true;
        });
    EXPECT_TRUE(all.ok()) << all;
    EXPECT_GT(entries, 1u);
    const test::ExitResult check = Cubby({"check"});
    ASSERT_EQ(check.exit_code, 0) << check.out << check.err;
  }
  auto opened = Store::Open(store());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const StoreStats stats = (*opened)->Stats();
  test::Report("writer out of its group's memory",
               {{"killed", absl::StrCat(rounds)},
                {"with the lock", absl::StrCat(stats.lock_takeovers)},
                {"operations repaired", absl::StrCat(stats.repairs)},
                {"damaged", "0"}});
}

}  // namespace
}  // namespace cubby
