// Writers that a signal interrupts inside a put: a put in the signal's handler, a death that dumps
// core, and a death while a copy of the descriptors is in a child that has not executed its
// program.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "table/layout.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/shared.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Milliseconds(100);
constexpr size_t kPageBytes = 4096;

std::unique_ptr<Store> OpenStore(const std::string& name, absl::Duration lock_timeout) {
  OpenOptions options;
  options.lock_timeout = lock_timeout;
  auto opened = Store::Open(name, options);
  return opened.ok() ? *std::move(opened) : nullptr;
}

// A value whose bytes cannot be read: a put that copies it raises SIGSEGV, with the lock held.
absl::string_view FaultingValue() {
  static void* const page =
      mmap(nullptr, kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return {static_cast<const char*>(page), 64};
}

void OnFault(void (*function)(int)) {
  struct sigaction action = {};
  action.sa_handler = function;
  sigaction(SIGSEGV, &action, nullptr);
}

// A directory of the test's own.
class Directory {
 public:
  Directory() { std::filesystem::create_directory(path_); }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string File(const std::string& name) const { return (path_ / name).string(); }

 private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / test::UniqueStoreName("cubby-owner");
};

class InterruptedOwnerTest : public test::DaemonFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
    store_ = OpenStore(store(), kLong);
    ASSERT_NE(store_, nullptr);
    ASSERT_TRUE(store_->Put("k", "old").ok());
    auto fixed = test::SharedView<const table::FixedPart>::Open(store());
    ASSERT_TRUE(fixed.ok()) << fixed.status();
    fixed_ = std::make_unique<test::SharedView<const table::FixedPart>>(*std::move(fixed));
  }
  void AwaitLocked() const {
    const absl::Time deadline = absl::Now() + kLong;
    while ((**fixed_).lock.lock.word == 0) ASSERT_LT(absl::Now(), deadline);
  }
  // The time that another writer's put takes.
  absl::Duration TimeOfPut() const {
    const absl::Time start = absl::Now();
    const absl::Status put = store_->Put("other", "v").status();
    EXPECT_TRUE(put.ok()) << put;
    return absl::Now() - start;
  }
  std::string Value() const {
    std::string value;
    EXPECT_TRUE(store_->Get("k", &value).ok());
    return value;
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<test::SharedView<const table::FixedPart>> fixed_;
};

// What the handler of the test below has and does.
Store* handlers_store = nullptr;
absl::StatusCode handlers_put = absl::StatusCode::kOk;
char handlers_value[8];
size_t handlers_value_bytes = 0;

void PutInHandler(int) {
  mprotect(const_cast<char*>(FaultingValue().data()), kPageBytes, PROT_READ);
  const auto got = handlers_store->Get("k", absl::Span<char>(handlers_value));
  if (got.ok()) handlers_value_bytes = got->value_bytes;
  handlers_put = handlers_store->Put("k", "handler's").status().code();
}

TEST_F(InterruptedOwnerTest, PutInASignalHandlerInsideAPutIsRefusedAtItsTimeout) {
  const std::unique_ptr<Store> writer = OpenStore(store(), kShort);
  ASSERT_NE(writer, nullptr);
  // By the same store, and by another one of the same process.
  for (Store* const nested : {writer.get(), store_.get()}) {
    const std::unique_ptr<Store> other = OpenStore(store(), kShort);
    handlers_store = nested == writer.get() ? nested : other.get();
    ASSERT_EQ(mprotect(const_cast<char*>(FaultingValue().data()), kPageBytes, PROT_NONE), 0);
    ASSERT_TRUE(writer->Put("k", "old").ok());
    OnFault(&PutInHandler);

    EXPECT_TRUE(writer->Put("k", FaultingValue()).ok());

    OnFault(SIG_DFL);
    EXPECT_EQ(handlers_put, absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(absl::string_view(handlers_value, handlers_value_bytes), "old");
    EXPECT_EQ(Value(), std::string(64, '\0')) << "the interrupted put continues";
  }
  EXPECT_EQ(store_->Stats().lock_takeovers, 0u);
  ExpectSound();
}

// args: store, directory, MiB. Dies inside a put, by a signal whose action is a core dump, with
// that much memory touched.
CUBBY_CHILD(DumpsCore) {
  uint64_t mib = 0;
  if (!absl::SimpleAtoi(args[2], &mib) || chdir(args[1].c_str()) != 0) return 2;
  const std::unique_ptr<Store> store = OpenStore(args[0], kLong);
  if (store == nullptr) return 3;
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_CORE, &unlimited) != 0) return 4;
  const size_t bytes = mib << 20;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 5;
  std::memset(memory, 1, bytes);
  return store->Put("k", FaultingValue()).ok() ? 6 : 7;
}

TEST_F(InterruptedOwnerTest, OwnerThatDumpsCoreIsSucceededAfterTheDump) {
  for (const uint64_t mib : {test::Amount(1, 64), test::Amount(8, 600), test::Amount(16, 2048)}) {
    const Directory directory;
    const std::unique_ptr<test::Subprocess> owner =
        StartUser("DumpsCore", {directory.File(""), absl::StrCat(mib)});
    ASSERT_NE(owner, nullptr);
    AwaitLocked();

    const absl::Duration took = TimeOfPut();

    EXPECT_EQ(owner->Wait(kLong).exit_code, 128 + SIGSEGV);
    EXPECT_EQ(Value(), "old");
    test::Report(
        "core dump of the lock's owner",
        {{"memory", absl::StrCat(mib, " MiB")},
         {"next put after", absl::FormatDuration(absl::Trunc(took, absl::Milliseconds(1)))}});
  }
  ExpectSound();
}

// args: store, a file to make, a FIFO, "closes" or "keeps". Is inside a put until it is killed,
// while another thread starts a program with posix_spawn(), whose child closes all descriptors or
// not, makes the file, and opens the FIFO before it executes the program.
CUBBY_CHILD(SpawnsSlowly) {
  const std::unique_ptr<Store> store = OpenStore(args[0], kLong);
  if (store == nullptr) return 2;
  std::thread([args] {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (args[3] == "closes") posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawn_file_actions_addopen(&actions, 100, args[1].c_str(), O_CREAT | O_WRONLY, 0600);
    posix_spawn_file_actions_addopen(&actions, 101, args[2].c_str(), O_RDONLY, 0);
    char program[] = "/bin/true";
    char* const words[] = {program, nullptr};
    posix_spawn(nullptr, program, &actions, nullptr, words, nullptr);
  }).detach();
  while (access(args[1].c_str(), F_OK) != 0) absl::SleepFor(absl::Milliseconds(1));
  OnFault([](int) {
    for (;;) pause();
  });
  return store->Put("k", FaultingValue()).ok() ? 3 : 4;
}

class SpawningOwnerTest : public InterruptedOwnerTest {
 protected:
  // Starts child SpawnsSlowly and kills it inside its put.
  void StartAndKill(const std::string& descriptors) {
    ASSERT_EQ(mkfifo(fifo_.c_str(), 0600), 0);
    owner_ = StartUser("SpawnsSlowly", {directory_.File("made"), fifo_, descriptors});
    ASSERT_NE(owner_, nullptr);
    AwaitLocked();
    owner_->Kill();
    siginfo_t info;
    // Not Subprocess::Wait(): the spawned child has the owner's standard output.
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(owner_->pid()), &info, WEXITED | WNOWAIT), 0);
  }
  void ExpectSucceededAfterExecution() {
    const std::unique_ptr<Store> hasty = OpenStore(store(), kShort);
    ASSERT_NE(hasty, nullptr);
    EXPECT_TRUE(absl::IsDeadlineExceeded(hasty->Put("other", "v").status()));

    OpenFifo();

    const absl::Status put = store_->Put("other", "v").status();
    EXPECT_TRUE(put.ok()) << put;
    EXPECT_EQ(Value(), "old");
    ExpectSound();
  }
  // Lets the spawned child execute its program.
  void OpenFifo() const {
    const int opened = open(fifo_.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(opened, 0);
    close(opened);
  }

  const Directory directory_;
  const std::string fifo_ = directory_.File("fifo");
  std::unique_ptr<test::Subprocess> owner_;
};

// A limit that docs/reliability.md states.
TEST_F(SpawningOwnerTest, SpawnedChildKeepsTheLockOfADeadOwnerUntilItExecutes) {
  StartAndKill("keeps");
  ExpectSucceededAfterExecution();
}

// It has its parent's memory too, where the lock file is mapped.
TEST_F(SpawningOwnerTest, SpawnedChildThatClosesItsDescriptorsDoesSoToo) {
  StartAndKill("closes");
  ExpectSucceededAfterExecution();
}

// The program that a writer starts has none of the store's descriptors.
CUBBY_CHILD(ExecutesAShell) {
  const std::unique_ptr<Store> store = OpenStore(args[0], kLong);
  if (store == nullptr || !store->Put("k", "v").ok()) return 2;
  execl("/bin/sh", "sh", "-c", "ls -l /proc/$$/fd; ls -l /proc/self/fd", nullptr);
  return 3;
}

TEST_F(InterruptedOwnerTest, ExecutedProgramHasNoDescriptorOfTheStore) {
  const std::unique_ptr<test::Subprocess> child = StartUser("ExecutesAShell");
  ASSERT_NE(child, nullptr);
  const test::ExitResult result = child->Wait(kLong);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find(" 1 -> "), std::string::npos) << "it lists its descriptors";
  EXPECT_EQ(result.out.find("cubby"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace cubby
