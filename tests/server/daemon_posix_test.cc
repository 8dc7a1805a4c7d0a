// What a daemon finds where names outlive processes: in /dev/shm and in the runtime directory.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/admin.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "program/output.h"
#include "table/geometry.h"
#include "table/layout.h"
#include "tests/server/raw_channel.h"
#include "tests/server/server_fixture.h"
#include "tests/support/argv_posix.h"
#include "tests/support/as_user_posix.h"
#include "tests/support/child.h"

namespace cubby {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A FIFO that is full and that no process reads.
class FullFifo {
 public:
  explicit FullFifo(const fs::path& path) : path_(path) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    fd_ = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    EXPECT_GE(fd_, 0);
    for (const std::string& some : {std::string(4096, 'x'), std::string(1, 'x')}) {
      while (write(fd_, some.data(), some.size()) > 0) {
      }
    }
  }
  ~FullFifo() {
    close(fd_);
    fs::remove(path_);
  }
  FullFifo(const FullFifo&) = delete;
  FullFifo& operator=(const FullFifo&) = delete;
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
  int fd_;
};

class DaemonPosixTest : public test::ServerFixture {
 protected:
  fs::path MappingFile() const { return absl::StrCat("/dev/shm/cubby.", store()); }
  fs::path LockFile() const { return absl::StrCat("/dev/shm/cubby.", store(), ".lock"); }
  fs::path ControlFile() const {
    return fs::path(std::getenv("CUBBY_RUNTIME_DIR")) / absl::StrCat(store(), ".requests");
  }
  // A daemon beside the fixture's, serving; null, and a failure of the test, if it does not.
  static std::unique_ptr<test::Subprocess> Launch(const std::vector<std::string>& argv) {
    auto daemon = test::Subprocess::Start(argv);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    if (!daemon.ok()) return nullptr;
    const absl::Status serving = (*daemon)->WaitForError("serving", test::kLong);
    EXPECT_TRUE(serving.ok()) << serving;
    return serving.ok() ? *std::move(daemon) : nullptr;
  }
  // The same, with its standard error appended to `file`. It serves, sooner or later.
  std::unique_ptr<test::Subprocess> LaunchLoggingTo(
      const fs::path& file, const std::vector<std::string>& flags,
      const std::vector<std::pair<std::string, std::string>>& environment = {}) const {
    std::vector<std::string> argv = {
        "/bin/sh", "-c",   "exec \"$@\" 2>>\"$0\"", file.string(), test::ProgramPath("cubbyd"),
        "--store", store()};
    argv.insert(argv.end(), flags.begin(), flags.end());
    test::SubprocessOptions options;
    options.environment = environment;
    auto daemon = test::Subprocess::Start(argv, options);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    return daemon.ok() ? *std::move(daemon) : nullptr;
  }
  // An Admin of a daemon that may not serve yet.
  std::unique_ptr<Admin> AwaitAdmin() const {
    const os::Deadline deadline(test::kLong);
    for (;;) {
      absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store(), test::kLong);
      if (admin.ok()) return *std::move(admin);
      if (deadline.Passed()) {
        ADD_FAILURE() << admin.status();
        return nullptr;
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  // Stops the daemon as a debugger would, and lets it go on.
  void Freeze() {
    const auto pid = static_cast<pid_t>(daemon()->pid());
    ASSERT_EQ(kill(pid, SIGSTOP), 0);
    ASSERT_EQ(waitpid(pid, nullptr, WUNTRACED), pid);
  }
  void Thaw() { ASSERT_EQ(kill(static_cast<pid_t>(daemon()->pid()), SIGCONT), 0); }
  size_t RuntimeFiles() const {
    const fs::directory_iterator files(ControlFile().parent_path());
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }
  // A store of one entry, its daemon killed.
  void LeaveStore() {
    ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
    ASSERT_TRUE(Store::Open(store()).value()->Put("k", "v").ok());
    KillDaemon();
  }
  void ExpectEmptyAndSound() {
    EXPECT_FALSE(Store::Open(store()).value()->Contains("k").value());
    EXPECT_THAT(Admin::Connect(store()).value()->Check()->problems, IsEmpty());
  }
};

TEST_F(DaemonPosixTest, GroupNeedsAModeThatLetsItIn) {
  const test::ExitResult result = RunDaemon({"--group", "0"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--group has no effect without group bits in --mode"));
}

TEST_F(DaemonPosixTest, ModeHoldsForMappingAndLockFileWhateverTheUmask) {
  const mode_t before = umask(077);
  absl::Cleanup restore = [before] { umask(before); };
  ASSERT_TRUE(StartDaemon({"--mode", "0664"}));
  struct stat info;
  ASSERT_EQ(stat(MappingFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0664u);
  ASSERT_EQ(stat(LockFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u) << "who may only read the store may not lock it";
  ASSERT_EQ(stat(ControlFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(DaemonPosixTest, FreshGivesMappingAndLockFileTheNewMode) {
  ASSERT_TRUE(StartDaemon({"--mode", "0664"}));
  KillDaemon();
  ASSERT_TRUE(StartDaemon({"--fresh", "--mode", "0640"}));
  struct stat info;
  ASSERT_EQ(stat(MappingFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  ASSERT_EQ(stat(LockFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(DaemonPosixTest, FreshThatCannotHaveItsHugePagesKeepsTheEntries) {
  ASSERT_NO_FATAL_FAILURE(LeaveStore());
  // The programs that a process starts inherit that it gets no huge pages.
  ASSERT_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
  const test::ExitResult result =
      RunDaemon({"--fresh", "--huge-pages", "on", "--capacity", "100000"});
  ASSERT_EQ(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
  EXPECT_EQ(result.exit_code, 10) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("--huge-pages on: "), HasSubstr("use --huge-pages auto")));
  ASSERT_TRUE(StartDaemon());
  EXPECT_TRUE(Store::Open(store()).value()->Contains("k").value());
}

TEST_F(DaemonPosixTest, GroupsBitsAreComparedWithTheExistingStores) {
  ASSERT_TRUE(StartDaemon({"--mode", "0660"}));
  KillDaemon();
  const test::ExitResult result = RunDaemon({"--mode", "0600"});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("it exists with --mode 0660, not 0600"));
  EXPECT_TRUE(StartDaemon());
}

TEST_F(DaemonPosixTest, StoppedDaemonLeavesNothing) {
  ASSERT_TRUE(StartDaemon());
  EXPECT_TRUE(fs::exists(MappingFile()) && fs::exists(LockFile()) && fs::exists(ControlFile()));
  EXPECT_EQ(StopDaemon().exit_code, 0);
  EXPECT_FALSE(fs::exists(MappingFile()) || fs::exists(LockFile()) || fs::exists(ControlFile()));
}

TEST_F(DaemonPosixTest, CopyThatTakesTheStoresNameIsDiscardedByFresh) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const fs::path copy = ControlFile().parent_path() / "copy";
  ASSERT_TRUE(fs::copy_file(MappingFile(), copy));
  fs::remove(MappingFile());
  fs::copy_file(copy, MappingFile());
  fs::remove(copy);
  const test::ExitResult ended = daemon()->Wait(test::kLong);
  EXPECT_THAT(ended.err, HasSubstr("start cubbyd again"));
  EXPECT_EQ(RunDaemon({}).exit_code, 8);
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, ReplacementWithAnotherRuntimeDirectoryIsToldSo) {
  ASSERT_TRUE(StartDaemon());
  const std::string other = absl::StrCat(ControlFile().parent_path().string(), "/other");
  test::SubprocessOptions options;
  options.environment = {{"CUBBY_RUNTIME_DIR", other}};
  const test::ExitResult result =
      test::Run({test::ProgramPath("cubbyd"), "--store", store(), "--replace"}, options);
  fs::remove_all(other);
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_EQ(result.err, absl::StrCat("cubbyd: store '", store(),
                                     "': its daemon cannot be reached in the runtime directory of "
                                     "this process: set CUBBY_RUNTIME_DIR to the daemon's\n"));
}

TEST_F(DaemonPosixTest, StoppedDaemonLeavesTheNamesOfOneThatTookItsPlace) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_NO_FATAL_FAILURE(Freeze());  // so that it does not notice first
  for (const fs::path& name : {MappingFile(), LockFile(), ControlFile()}) fs::remove(name);
  auto second = Launch({test::ProgramPath("cubbyd"), "--store", store()});
  ASSERT_TRUE(second);
  ASSERT_NO_FATAL_FAILURE(Thaw());
  const test::ExitResult result = daemon()->Wait(test::kLong);
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.err, HasSubstr("was removed and made anew by another process, so the store is "
                                    "retired: start cubbyd again with --fresh"));
  EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  EXPECT_EQ(Cubby({"shutdown"}).exit_code, 0);
  EXPECT_EQ(second->Wait(test::kLong).exit_code, 0);
}

TEST_F(DaemonPosixTest, LostNameEndsTheStoreAndTheDaemon) {
  const fs::path elsewhere = MappingFile().string() + "-elsewhere";
  absl::Cleanup remove_elsewhere = [&elsewhere] { fs::remove(elsewhere); };
  const struct {
    const char* what;
    fs::path name;
    std::function<void(const fs::path&)> lose;
  } cases[] = {
      {"removed mapping", MappingFile(), [](auto& name) { fs::remove(name); }},
      {"removed lock file", LockFile(), [](auto& name) { fs::remove(name); }},
      {"moved mapping", MappingFile(), [&](auto& name) { fs::rename(name, elsewhere); }},
      {"another file in the lock file's place", LockFile(),
       [](auto& name) {
         fs::remove(name);
         std::ofstream(name) << "precious";
       }},
      {"a link in the mapping's place", MappingFile(),
       [&](auto& name) {
         fs::rename(name, elsewhere);
         fs::create_symlink(elsewhere, name);
       }},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    ASSERT_TRUE(StartDaemon());
    auto opened = Store::Open(store()).value();
    ASSERT_TRUE(opened->Put("k", "v").ok());
    test.lose(test.name);
    const bool taken = fs::exists(fs::symlink_status(test.name));
    const test::ExitResult ended = daemon()->Wait(test::kLong);
    EXPECT_EQ(ended.exit_code, 10);
    EXPECT_THAT(ended.err, HasSubstr(absl::StrCat(test.name.string(), " was removed")));
    EXPECT_EQ(opened->Put("k", "w").status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(opened->Contains("k").status().code(), absl::StatusCode::kFailedPrecondition);
    for (const fs::path& name : {MappingFile(), LockFile(), ControlFile()}) {
      EXPECT_EQ(fs::exists(fs::symlink_status(name)), taken && name == test.name) << name;
    }
    fs::remove(test.name);
  }
}

// A writer notices that the store has lost its name at one of its next writes.
void ExpectPutsAreRefusedSoon(Store* store) {
  int acknowledged = 0;
  absl::Status last = absl::OkStatus();
  while (last.ok() && acknowledged < 1000) {
    last = store->Put("k", "w").status();
    acknowledged += last.ok() ? 1 : 0;
  }
  EXPECT_EQ(last.code(), absl::StatusCode::kFailedPrecondition) << last;
  EXPECT_LE(acknowledged, 256);
}

TEST_F(DaemonPosixTest, WithoutADaemonWritersNoticeThatTheNameIsGone) {
  for (const bool many : {false, true}) {
    ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
    auto opened = Store::Open(store()).value();
    auto reader = Store::Open(store()).value();
    for (int i = 0; i < (many ? 10'000 : 1); ++i) ASSERT_TRUE(opened->Put("k", "v").ok());
    KillDaemon();
    ASSERT_TRUE(opened->Put("k", "v").ok()) << "the name is there";
    fs::remove(MappingFile());
    ExpectPutsAreRefusedSoon(opened.get());
    EXPECT_EQ(reader->Contains("k").status().code(), absl::StatusCode::kFailedPrecondition)
        << "the others are told";
    fs::remove(LockFile());
  }
}

TEST_F(DaemonPosixTest, WithoutADaemonWritersNoticeThatTheMappingWasMoved) {
  const fs::path elsewhere = MappingFile().string() + "-elsewhere";
  absl::Cleanup remove_elsewhere = [&elsewhere] { fs::remove(elsewhere); };
  for (const bool stopped : {false, true}) {
    for (const bool successor : {false, true}) {
      SCOPED_TRACE(absl::StrCat(stopped ? "stopped" : "dead", successor ? ", successor" : ""));
      ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
      auto opened = Store::Open(store()).value();
      ASSERT_TRUE(opened->Put("k", "v").ok());
      if (stopped) {
        ASSERT_NO_FATAL_FAILURE(Freeze());
      } else {
        KillDaemon();
      }
      fs::rename(MappingFile(), elsewhere);
      if (stopped && successor) {
        // As a mapping that another store's daemon has made.
        std::ofstream(MappingFile()) << "precious";
      } else if (successor) {
        ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
      }
      ExpectPutsAreRefusedSoon(opened.get());
      if (stopped) {
        ASSERT_NO_FATAL_FAILURE(Thaw());
        EXPECT_EQ(daemon()->Wait(test::kLong).exit_code, 10);
      } else if (successor) {
        EXPECT_THAT(StopDaemon().err,
                    HasSubstr("its mapping was removed or moved; making a new store"));
      }
      for (const fs::path& name : {MappingFile(), LockFile(), elsewhere}) fs::remove(name);
    }
  }
}

TEST_F(DaemonPosixTest, SignalsThatItsStarterIgnoresDoNotStopIt) {
  auto daemon = Launch({"/bin/sh", "-c", "trap '' HUP INT; exec \"$0\" --store \"$1\"",
                        test::ProgramPath("cubbyd"), store()});
  ASSERT_TRUE(daemon);
  for (int signal : {SIGHUP, SIGINT}) {
    ASSERT_EQ(kill(static_cast<pid_t>(daemon->pid()), signal), 0);
    EXPECT_EQ(Cubby({"ping"}).exit_code, 0) << strsignal(signal);
  }
  daemon->Interrupt();
  EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
}

TEST_F(DaemonPosixTest, EverySignalThatAsksItToStopDoes) {
  for (int signal : {SIGTERM, SIGINT}) {
    // Whatever this test was started with.
    const auto before = std::signal(signal, SIG_DFL);
    absl::Cleanup restore = [signal, before] { std::signal(signal, before); };
    auto daemon = Launch({test::ProgramPath("cubbyd"), "--store", store()});
    ASSERT_TRUE(daemon);
    ASSERT_EQ(kill(static_cast<pid_t>(daemon->pid()), signal), 0);
    EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0) << strsignal(signal);
    EXPECT_FALSE(fs::exists(MappingFile()));
  }
}

TEST_F(DaemonPosixTest, SignalsThatItsParentBlockedReachIt) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGBUS}) sigaddset(&blocked, signal);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  const bool started = StartDaemon({"--capacity", "1000"});
  const auto load = StartCubby({"load"}, "k\tv\n");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(started);
  EXPECT_EQ(load->Wait(test::kLong).exit_code, 0);
  fs::resize_file(MappingFile(), 0);
  const absl::Status noticed = daemon()->WaitForError("was truncated", test::kLong);
  EXPECT_TRUE(noticed.ok()) << noticed;
  EXPECT_EQ(StopDaemon().exit_code, 0);
}

TEST_F(DaemonPosixTest, HangUpMakesItReadItsOptionsAgain) {
  // Whatever this test was started with.
  const auto before = std::signal(SIGHUP, SIG_DFL);
  const fs::path config = ControlFile().parent_path() / "config";
  absl::Cleanup restore = [&] {
    std::signal(SIGHUP, before);
    fs::remove(config);
  };
  std::ofstream(config) << "capacity = 1000\n";
  ASSERT_TRUE(StartDaemon({"--config", config.string()}));
  const auto hang_up = [&](const std::string& text, const std::string& logged) {
    std::ofstream(config) << text;
    ASSERT_EQ(kill(static_cast<pid_t>(daemon()->pid()), SIGHUP), 0);
    EXPECT_TRUE(daemon()->WaitForError(logged, test::kLong).ok());
  };
  hang_up("capacity = none\n", "keeps its options: bad size 'none'");
  hang_up("capacity = 1000\nlog-level = debug\nkeep-on-exit = true\n",
          "read its options again: --log-level and --keep-on-exit (true now, false before)");
  hang_up("", "it states nothing");  // as an editor leaves it for a moment
  // One that would block, and one that was read before.
  fs::remove(config);
  ASSERT_EQ(mkfifo(config.c_str(), 0600), 0);
  ASSERT_EQ(kill(static_cast<pid_t>(daemon()->pid()), SIGHUP), 0);
  EXPECT_TRUE(daemon()->WaitForError("it is no regular file", test::kLong).ok());
  EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  EXPECT_THAT(StopDaemon().err, HasSubstr("answered request"));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v") << "it was kept";
}

TEST_F(DaemonPosixTest, FullStandardErrorThatIsNotReadStopsNothing) {
  const FullFifo fifo(ControlFile().parent_path() / "log");
  auto daemon = LaunchLoggingTo(fifo.path(), {});
  ASSERT_TRUE(daemon);
  auto admin = AwaitAdmin();
  ASSERT_TRUE(admin);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(admin->Ping().ok());
    EXPECT_TRUE(admin->Flush().ok());
  }
  daemon->Interrupt();
  EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
  EXPECT_FALSE(fs::exists(MappingFile()));
}

TEST_F(DaemonPosixTest, FullStandardErrorDoesNotKeepADaemonThatCannotServe) {
  ASSERT_TRUE(StartDaemon());
  const fs::path config = ControlFile().parent_path() / "config";
  std::ofstream(config) << "\xef\xbb\xbfnonsense = 1\n";  // two messages
  absl::Cleanup remove_config = [&config] { fs::remove(config); };
  const FullFifo fifo(ControlFile().parent_path() / "log");
  const struct {
    std::vector<std::string> flags;
    int exit_code;
  } tests[] = {
      {{}, 1},
      {{"--nonsense"}, 2},
      {{"--capacity", "many"}, 2},
      {{"--ready-fd", "77"}, 2},
      {{"--config", config}, 2},
  };
  std::vector<std::unique_ptr<test::Subprocess>> daemons;
  for (const auto& test : tests) {
    daemons.push_back(LaunchLoggingTo(fifo.path(), test.flags));
    ASSERT_TRUE(daemons.back());
  }
  for (size_t i = 0; i < daemons.size(); ++i) {
    EXPECT_EQ(daemons[i]->Wait(test::kLong).exit_code, tests[i].exit_code)
        << ::testing::PrintToString(tests[i].flags);
  }
}

CUBBY_CHILD(RunsOutOfMemory) {
  const int fifo = open(args[0].c_str(), O_WRONLY | O_CLOEXEC);
  if (fifo < 0 || dup2(fifo, STDERR_FILENO) < 0) return 1;
  program::EndWhenOutOfMemory("cubbyd");
  std::get_new_handler()();
  return 2;
}

TEST_F(DaemonPosixTest, FullStandardErrorDoesNotKeepAProgramWithoutMemory) {
  const FullFifo fifo(ControlFile().parent_path() / "log");
  auto child = test::StartChild("RunsOutOfMemory", {fifo.path()});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ((*child)->Wait(test::kLong).exit_code, 10);
}

TEST_F(DaemonPosixTest, JournalGetsPriorities) {
  const fs::path journal = ControlFile().parent_path() / "log";
  std::ofstream(journal).close();
  absl::Cleanup remove_journal = [&journal] { fs::remove(journal); };
  struct stat info;
  ASSERT_EQ(stat(journal.c_str(), &info), 0);
  for (const char* prefix : {"<6>", ""}) {
    fs::resize_file(journal, 0);
    const uint64_t inode = info.st_ino + (*prefix == '\0' ? 1 : 0);  // or of another file
    auto daemon =
        LaunchLoggingTo(journal, {}, {{"JOURNAL_STREAM", absl::StrCat(info.st_dev, ":", inode)}});
    ASSERT_TRUE(daemon);
    ASSERT_TRUE(AwaitAdmin());
    daemon->Interrupt();
    EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
    std::ifstream log(journal);
    std::string line;
    ASSERT_TRUE(std::getline(log, line));
    EXPECT_EQ(line.rfind(absl::StrCat(prefix, "cubbyd: store '", store(), "': making it"), 0), 0u)
        << line;
  }
}

TEST_F(DaemonPosixTest, LogLevelLeavesOutLowerOnes) {
  const fs::path log = ControlFile().parent_path() / "log";
  auto daemon = LaunchLoggingTo(log, {"--log-level", "warning"});
  ASSERT_TRUE(daemon);
  absl::Cleanup remove_log = [&log] { fs::remove(log); };
  ASSERT_TRUE(AwaitAdmin());
  daemon->Interrupt();
  EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
  EXPECT_EQ(fs::file_size(log), 0u);
}

TEST_F(DaemonPosixTest, MoreFlushesAndChecksThanTheLimitAreRefused) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  auto writer = test::StuckWriter::Of(store());
  ASSERT_TRUE(writer);
  std::vector<std::unique_ptr<os::PipeClient>> clients;
  for (int i = 0; i < 101; ++i) {
    clients.push_back(test::ConnectRaw(store()));
    ASSERT_TRUE(clients.back());
    control::Request request = test::Ping(store());
    if (i % 2 == 0) {
      request.mutable_flush();
    } else {
      request.mutable_check();
    }
    ASSERT_TRUE(clients.back()->Send(test::FrameOf(request), test::kLong).ok());
  }
  const absl::StatusOr<control::Response> refused = test::ReceiveResponse(clients.back().get());
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status_code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_THAT(refused->status_message(), HasSubstr("has 100 flushes and checks under way"));
  clients.pop_back();
  writer.reset();
  for (auto& client : clients) {
    const absl::StatusOr<control::Response> response = test::ReceiveResponse(client.get());
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status_code(), 0) << response->status_message();
  }
}

TEST_F(DaemonPosixTest, HalfMadeStoreIsDiscarded) {
  for (uint64_t bytes : {uint64_t{0}, uint64_t{1} << 20}) {
    std::ofstream(MappingFile()).close();
    fs::resize_file(MappingFile(), bytes);
    ASSERT_TRUE(StartDaemon()) << bytes;
    ExpectEmptyAndSound();
    const test::ExitResult stopped = StopDaemon();
    EXPECT_EQ(stopped.exit_code, 0);
    EXPECT_THAT(stopped.err, HasSubstr("was killed while it made the store"));
  }
}

TEST_F(DaemonPosixTest, RetiredStoreThatWasNotTakenAwayIsDiscarded) {
  LeaveStore();
  {
    auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    reinterpret_cast<table::FixedPart*>(mapping->data())
        ->state.state.store(static_cast<uint64_t>(table::State::kRetired));
  }
  ASSERT_TRUE(StartDaemon());
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, FreshTellsWhoHasTheOldStoreOpen) {
  LeaveStore();
  auto old = Store::Open(store());
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  EXPECT_EQ((*old)->Contains("k").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DaemonPosixTest, FreshMakesAnotherShape) {
  LeaveStore();
  ASSERT_TRUE(StartDaemon({"--fresh", "--capacity", "2000"}));
  EXPECT_EQ(Store::Open(store()).value()->limits().capacity, 2000u);
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, TruncatedStoreIsRefusedUntilFresh) {
  LeaveStore();
  fs::resize_file(MappingFile(), fs::file_size(MappingFile()) / 2);
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("truncated"), HasSubstr("--fresh")));
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, StoreWithoutItsLockFileIsRefusedUntilFresh) {
  LeaveStore();
  fs::remove(LockFile());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const test::ExitResult result = RunDaemon({});
    EXPECT_EQ(result.exit_code, 8) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("lock file was taken away"), HasSubstr("--fresh")));
  }
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, OverwrittenLockFileIsRepairedAndLogged) {
  ASSERT_TRUE(StartDaemon());
  auto before = OpenStore();
  ASSERT_TRUE(before);
  const struct {
    const char* what;
    std::function<void()> damage;
    absl::StatusCode meanwhile;
  } cases[] = {
      {"emptied", [&] { fs::resize_file(LockFile(), 0); }, absl::StatusCode::kUnavailable},
      {"cut", [&] { fs::resize_file(LockFile(), 9); }, absl::StatusCode::kUnavailable},
      {"zeroed", [&] { std::ofstream(LockFile()) << std::string(16, '\0'); },
       absl::StatusCode::kUnavailable},
      {"overwritten", [&] { std::ofstream(LockFile()) << "sixteen bytes or more"; },
       absl::StatusCode::kFailedPrecondition},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    ASSERT_NO_FATAL_FAILURE(Freeze());
    test.damage();
    EXPECT_EQ(Store::Open(store()).status().code(), test.meanwhile);
    EXPECT_TRUE(before->Put("k", "v").ok()) << "its seat holds";
    ASSERT_NO_FATAL_FAILURE(Thaw());
    const os::Deadline deadline(test::kLong);
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    while (!opened.ok() && !deadline.Passed()) {
      absl::SleepFor(absl::Milliseconds(1));
      opened = Store::Open(store());
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE((*opened)->Put("l", "w").ok());
  }
  ExpectSound();
  EXPECT_THAT(StopDaemon().err,
              HasSubstr("lock file was overwritten by another process: repaired"));
}

TEST_F(DaemonPosixTest, RefusedStartMakesAndRemovesNothing) {
  LeaveStore();
  fs::remove(LockFile());
  const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ASSERT_GE(watch, 0);
  absl::Cleanup close_watch = [watch] { close(watch); };
  ASSERT_GE(inotify_add_watch(watch, "/dev/shm", IN_CREATE | IN_DELETE | IN_MOVE), 0);
  EXPECT_EQ(RunDaemon({}).exit_code, 8);
  EXPECT_EQ(RunDaemon({"--capacity", "7"}).exit_code, 2);
  EXPECT_EQ(RunDaemon({"--fresh", "--slot-bytes", "1MiB"}).exit_code, 2);
  fs::resize_file(MappingFile(), 10'000);
  EXPECT_EQ(RunDaemon({}).exit_code, 8);
  // Other tests use the directory too.
  std::string events(1 << 16, '\0');
  for (ssize_t got; (got = read(watch, &events[0], events.size())) > 0;) {
    EXPECT_EQ(events.substr(0, static_cast<size_t>(got)).find(store()), std::string::npos);
  }
}

TEST_F(DaemonPosixTest, WritersDoNotUseTheLockFileOfAnotherStore) {
  LeaveStore();
  auto before = Store::Open(store()).value();
  fs::remove(LockFile());
  bool created = false;
  auto other = lock::Seats::OpenForDaemon(store(), 0600, &created).value();
  ASSERT_TRUE(created);
  ASSERT_TRUE(other->GiveTo({1, 2}).ok());
  const absl::Status refused = Store::Open(store()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another has its name"));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v") << "reading takes no seat";
  other.reset();
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_TRUE(before->Put("k", "w").ok()) << "its seat is in a file that nobody can open";
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  EXPECT_EQ(before->Put("k", "x").status().code(), absl::StatusCode::kFailedPrecondition);
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, HardLinkDoesNotGiveAStoreAnotherName) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  auto opened = Store::Open(store()).value();
  const std::string other = store() + "-link";
  const fs::path link = absl::StrCat("/dev/shm/cubby.", other);
  const fs::path lock_link = absl::StrCat(link.string(), ".lock");
  fs::create_hard_link(MappingFile(), link);
  absl::Cleanup remove_links = [&] {
    fs::remove(link);
    fs::remove(lock_link);
  };
  for (int linked = 1; linked <= 2; ++linked) {
    for (const std::vector<std::string>& flags :
         {std::vector<std::string>{}, std::vector<std::string>{"--fresh"}}) {
      std::vector<std::string> argv = {test::ProgramPath("cubbyd"), "--store", other};
      argv.insert(argv.end(), flags.begin(), flags.end());
      const test::ExitResult result = test::Run(argv);
      EXPECT_EQ(result.exit_code, 10) << result.err;
      EXPECT_THAT(result.err, HasSubstr(linked == 1 ? "hard links" : "not a plain file"));
    }
    EXPECT_EQ(Cubby({"-s", other, "put", "k", "w"}).exit_code, 3);
    EXPECT_EQ(Cubby({"-s", other, "get", "k"}).exit_code, 3);
    if (linked == 1) fs::create_hard_link(LockFile(), lock_link);
  }
  EXPECT_TRUE(fs::exists(link) && fs::exists(lock_link));
  EXPECT_TRUE(opened->Put("k", "x").ok());
}

TEST_F(DaemonPosixTest, OtherLayoutVersionIsRefusedUntilFresh) {
  LeaveStore();
  {
    auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    mapping->data()[offsetof(table::Header, layout_major)] = 9;
  }
  EXPECT_EQ(RunDaemon({}).exit_code, 6);
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, EveryDiscardedStoreIsTakenFromThoseWhoHaveItOpen) {
  const auto state = [](table::State as) {
    return [as](table::FixedPart* fixed) { fixed->state.state.store(static_cast<uint64_t>(as)); };
  };
  const struct {
    const char* what;
    std::function<void(table::FixedPart*)> damage;
  } cases[] = {
      {"sound", [](auto*) {}},
      {"another layout version", [](auto* fixed) { fixed->header.layout_major = 9; }},
      {"a damaged header", [](auto* fixed) { fixed->header.capacity ^= 1; }},
      {"a damaged region table", [](auto* fixed) { fixed->regions.region_count ^= 1; }},
      {"an unknown feature",
       [](auto* fixed) {
         fixed->regions.required |= 2;
         table::Sign(fixed);
       }},
      {"another clock",
       [](auto* fixed) {
         fixed->regions.clock_offset_ns ^= 1;
         table::Sign(fixed);
       }},
      {"no magic", [](auto* fixed) { fixed->header.magic.store(0); }},
      {"sealed", state(table::State::kSealed)},
      {"superseded", state(table::State::kSuperseded)},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    LeaveStore();
    OpenOptions read_only;
    read_only.mode = Mode::kReadOnly;
    auto reader = Store::Open(store(), read_only).value();
    auto writer = Store::Open(store()).value();
    {
      auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
      ASSERT_TRUE(mapping.ok()) << mapping.status();
      test.damage(reinterpret_cast<table::FixedPart*>(mapping->data()));
    }
    ASSERT_TRUE(StartDaemon({"--fresh"}));
    EXPECT_EQ(writer->Put("k", "v").status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(reader->Contains("k").status().code(), absl::StatusCode::kFailedPrecondition);
    ExpectEmptyAndSound();
    EXPECT_EQ(StopDaemon().exit_code, 0);
  }
}

TEST_F(DaemonPosixTest, SomethingElseOfTheMappingsNameIsRefusedAndKept) {
  std::ofstream(MappingFile()) << std::string(100'000, 'x');
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, std::vector<std::string>{"--fresh"}}) {
    const test::ExitResult result = RunDaemon(flags);
    EXPECT_EQ(result.exit_code, 10) << result.err;
    EXPECT_THAT(result.err, HasSubstr("not a cubby store"));
  }
  EXPECT_EQ(fs::file_size(MappingFile()), 100'000u);
  EXPECT_FALSE(fs::exists(LockFile())) << "what a refused daemon made, it takes away";
}

TEST_F(DaemonPosixTest, MappingOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  LeaveStore();
  ASSERT_EQ(chown(MappingFile().c_str(), 1, 1), 0);
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{}, std::vector<std::string>{"--fresh"}}) {
    const test::ExitResult result = RunDaemon(flags);
    EXPECT_EQ(result.exit_code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("belongs to user 1"));
  }
}

TEST_F(DaemonPosixTest, SquattedControlFifoIsRefusedAndTheNewStoreTakenAway) {
  std::ofstream(ControlFile()) << "precious";
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 10) << result.err;
  EXPECT_THAT(result.err, HasSubstr(ControlFile().string()));
  EXPECT_EQ(fs::file_size(ControlFile()), 8u);
  EXPECT_FALSE(fs::exists(MappingFile()));
}

TEST_F(DaemonPosixTest, FailureOfTheControlChannelLeavesTheStoreAndItsEntries) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const struct rlimit none = {1, 1};  // poll(2) fails
  ASSERT_EQ(prlimit(static_cast<pid_t>(daemon()->pid()), RLIMIT_NOFILE, &none, nullptr), 0);
  const test::ExitResult ended = daemon()->Wait(test::kLong);
  EXPECT_EQ(ended.exit_code, 10) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("its control channel failed (cannot wait for requests"));
  EXPECT_TRUE(opened_->Put("l", "w").ok());
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
  EXPECT_FALSE(fs::exists(ControlFile()));
  ASSERT_TRUE(StartDaemon());
  EXPECT_THAT(StopDaemon().err, HasSubstr("kept 2 entries"));
}

// Only what a daemon left that was killed while it made the store goes without --fresh.
TEST_F(DaemonPosixTest, HoleAtTheBeginningOfAServedStoreIsDamage) {
  ASSERT_TRUE(StartDaemon());
  const int mapping = open(MappingFile().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(mapping, 0);
  absl::Cleanup close_mapping = [mapping] { close(mapping); };
  ASSERT_EQ(fallocate(mapping, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2'000'000), 0);
  // It is told from a half made one by the daemon's next heartbeat.
  for (const char* subcommand : {"scan", "count", "check"}) {
    const test::ExitResult result = Cubby({subcommand, "--timeout", "60s"});
    EXPECT_EQ(result.exit_code, 8) << subcommand << result.err;
  }
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  EXPECT_EQ(Cubby({"shutdown"}).exit_code, 0);
  EXPECT_EQ(daemon()->Wait(test::kLong).exit_code, 0);
}

TEST_F(DaemonPosixTest, EmptiedStoreIsNotTakenForAHalfMadeOne) {
  const std::function<void(const fs::path&)> ways[] = {
      [](const fs::path& file) { fs::resize_file(file, 0); },
      [](const fs::path& file) {
        const auto size = fs::file_size(file);
        fs::resize_file(file, 0);
        fs::resize_file(file, size);
      },
      [](const fs::path& file) {  // "dd conv=notrunc"
        const std::string zeros(fs::file_size(file), '\0');
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << zeros;
      },
  };
  for (const auto& empty : ways) {
    LeaveStore();
    empty(MappingFile());
    const test::ExitResult refused = RunDaemon({});
    EXPECT_EQ(refused.exit_code, 8) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("--fresh"));
    EXPECT_TRUE(fs::exists(MappingFile()));
    ASSERT_TRUE(StartDaemon({"--fresh"}));
    StopDaemon();
  }
}

TEST_F(DaemonPosixTest, StoreThatFreshLeftHalfMadeIsMadeAgain) {
  LeaveStore();
  // As --fresh does, until it is killed.
  {
    bool created = false;
    auto seats = lock::Seats::OpenForDaemon(store(), 0600, &created);
    ASSERT_TRUE(seats.ok()) << seats.status();
    ASSERT_FALSE((*seats)->BelongToNone());
    ASSERT_TRUE((*seats)->GiveTo({}).ok());
    EXPECT_TRUE((*seats)->BelongToNone());
  }
  fs::resize_file(MappingFile(), 0);
  ASSERT_TRUE(StartDaemon());
  ExpectEmptyAndSound();
}

TEST_F(DaemonPosixTest, FilesOfOthersAreNotDiscarded) {
  const std::string begins_with_zeros = std::string(32768, '\0') + "precious";
  const struct {
    fs::path file;
    std::string bytes;
    std::vector<std::string> flags;
  } cases[] = {
      {MappingFile(), begins_with_zeros, {}},
      {MappingFile(), begins_with_zeros, {"--fresh"}},
      {MappingFile(), "hello world hello world", {}},
      {MappingFile(), "hello world hello world", {"--fresh"}},
      {MappingFile(), "hi", {"--fresh"}},
      {LockFile(), "hello world hello world", {}},
      {LockFile(), "hi", {"--fresh"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(absl::StrCat(test.file.string(), ", ", test.bytes.size(), " bytes"));
    std::ofstream(test.file, std::ios::binary) << test.bytes;
    const test::ExitResult refused = RunDaemon(test.flags);
    EXPECT_EQ(refused.exit_code, 10) << refused.err;
    std::ifstream file(test.file, std::ios::binary);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == test.bytes);
    fs::remove(test.file);
  }
}

TEST_F(DaemonPosixTest, SocketWithANameIsNamed) {
  for (const fs::path& name : {MappingFile(), LockFile()}) {
    ASSERT_EQ(mknod(name.c_str(), S_IFSOCK | 0600, 0), 0);
    const test::ExitResult refused = RunDaemon({});
    EXPECT_EQ(refused.exit_code, 10) << refused.err;
    EXPECT_THAT(refused.err, AllOf(HasSubstr(name.string()), HasSubstr(": remove it")));
    EXPECT_TRUE(fs::exists(name));
    fs::remove(name);
  }
}

TEST_F(DaemonPosixTest, FreshThatIsRefusedCostsNoEntries) {
  LeaveStore();
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--fresh", "--capacity", "0"},
        {"--fresh", "--slot-bytes", "1MiB"},
        {"--fresh", "--extent-pool", "1KiB"}}) {
    const test::ExitResult result = RunDaemon(flags);
    EXPECT_NE(result.exit_code, 0) << result.err;
    EXPECT_EQ(Cubby({"get", "k"}).out, "v") << result.err;
  }
  fs::remove(ControlFile());
  std::ofstream(ControlFile()) << "precious";
  EXPECT_EQ(RunDaemon({"--fresh"}).exit_code, 10);
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
  fs::remove(ControlFile());
}

TEST_F(DaemonPosixTest, ChannelThatIsNoneMeansNoDaemon) {
  ASSERT_TRUE(StartDaemon());
  // In one go: the daemon makes a name that is lost anew.
  const fs::path file = ControlFile().string() + "-file";
  std::ofstream(file) << "precious";
  fs::rename(file, ControlFile());
  test::ExitResult ping = Cubby({"ping"});
  EXPECT_EQ(ping.exit_code, 9) << ping.err;
  EXPECT_THAT(ping.err, HasSubstr(ControlFile().string()));
  fs::remove(ControlFile());
  EXPECT_EQ(Cubby({"ping", "--wait", "60s"}).exit_code, 0);

  ASSERT_NO_FATAL_FAILURE(Freeze());
  const fs::path dir = ControlFile().parent_path();
  const fs::path elsewhere = dir.string() + "-elsewhere";
  fs::rename(dir, elsewhere);
  fs::create_directory_symlink(elsewhere, dir);
  ping = Cubby({"ping"});
  EXPECT_EQ(ping.exit_code, 9) << ping.err;
  EXPECT_THAT(ping.err, HasSubstr(dir.string() + " is a link: remove it"));
  fs::remove(dir);
  fs::rename(elsewhere, dir);
  ASSERT_NO_FATAL_FAILURE(Thaw());
}

TEST_F(DaemonPosixTest, LostControlChannelIsMadeAnewAndLogged) {
  ASSERT_TRUE(StartDaemon());
  fs::remove(ControlFile());
  test::ExitResult ping = Cubby({"ping", "--wait", "60s"});
  EXPECT_EQ(ping.exit_code, 0) << ping.err;
  fs::remove_all(ControlFile().parent_path());
  ping = Cubby({"ping", "--wait", "60s"});
  EXPECT_EQ(ping.exit_code, 0) << ping.err;
  const std::string log = StopDaemon().err;
  EXPECT_THAT(log, AllOf(HasSubstr(absl::StrCat("made it anew: ", ControlFile().string())),
                         HasSubstr(absl::StrCat(
                             "made it anew: ", ControlFile().parent_path().string(), " was"))));
}

// Another store of the name, as a container with a /dev/shm of its own has.
TEST_F(DaemonPosixTest, ControlChannelOfALivingDaemonIsNotTakenOver) {
  ASSERT_TRUE(StartDaemon());
  const fs::path elsewhere = MappingFile().string() + "-elsewhere";
  const fs::path lock_elsewhere = LockFile().string() + "-elsewhere";
  ASSERT_NO_FATAL_FAILURE(Freeze());
  fs::rename(MappingFile(), elsewhere);
  fs::rename(LockFile(), lock_elsewhere);
  const test::ExitResult second = RunDaemon({});
  fs::rename(elsewhere, MappingFile());
  fs::rename(lock_elsewhere, LockFile());
  ASSERT_NO_FATAL_FAILURE(Thaw());
  EXPECT_EQ(second.exit_code, 1) << second.err;
  EXPECT_THAT(second.err, HasSubstr("a process reads " + ControlFile().string()));
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
}

TEST_F(DaemonPosixTest, UmaskDoesNotTakeItsOwnFilesFromIt) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const std::string parent = ControlFile().parent_path().string() + "-users";
  const test::User user = {23401, 0};
  fs::create_directory(parent);
  absl::Cleanup remove_parent = [&parent] { fs::remove_all(parent); };
  ASSERT_EQ(chown(parent.c_str(), user.id, user.id), 0);
  const mode_t before = umask(0777);
  absl::Cleanup restore = [before] { umask(before); };
  auto daemon =
      test::StartAs(user, parent + "/run", {test::ProgramPath("cubbyd"), "--store", store()});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const absl::Status serving = (*daemon)->WaitForError("serving", test::kLong);
  ASSERT_TRUE(serving.ok()) << serving;
  auto ping =
      test::StartAs(user, parent + "/run", {test::ProgramPath("cubby"), "-s", store(), "ping"});
  ASSERT_TRUE(ping.ok()) << ping.status();
  const test::ExitResult pinged = (*ping)->Wait(test::kLong);
  EXPECT_EQ(pinged.exit_code, 0) << pinged.err;
  struct stat info;
  ASSERT_EQ(stat((parent + "/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  (*daemon)->Interrupt();
  EXPECT_EQ((*daemon)->Wait(test::kLong).exit_code, 0);
}

// The daemon is there, but not for whoever asks.
TEST_F(DaemonPosixTest, DaemonInAnotherRuntimeDirectoryIsTold) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const fs::path elsewhere = ControlFile().parent_path().string() + "-elsewhere";
  fs::create_directory(elsewhere);
  fs::permissions(elsewhere, fs::perms::owner_all);
  absl::Cleanup remove_elsewhere = [&elsewhere] { fs::remove(elsewhere); };
  const auto ask = [&](const std::string& subcommand) {
    test::SubprocessOptions options;
    options.environment = {{"CUBBY_RUNTIME_DIR", elsewhere.string()}};
    return test::Run({test::ProgramPath("cubby"), "-s", store(), subcommand}, options);
  };
  const std::string served =
      absl::StrCat("process ", daemon()->pid(), " of user ", geteuid(), " served the store ");
  const test::ExitResult flush = ask("flush");
  EXPECT_EQ(flush.exit_code, 9);
  EXPECT_THAT(flush.err,
              AllOf(HasSubstr("set CUBBY_RUNTIME_DIR to the daemon's"), HasSubstr(served)));
  const test::ExitResult stats = ask("stats");
  EXPECT_EQ(stats.exit_code, 0);
  EXPECT_THAT(stats.out, HasSubstr("entries: 1\n"));
  EXPECT_THAT(stats.err, AllOf(HasSubstr(served), HasSubstr("what the store itself tells")));
  const test::ExitResult info = ask("info");
  EXPECT_EQ(info.exit_code, 0);
  EXPECT_THAT(info.out, HasSubstr("capacity: 100000\n"));

  // A heartbeat of this moment, or later.
  ASSERT_NO_FATAL_FAILURE(Freeze());
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  reinterpret_cast<table::FixedPart*>(mapping->data())
      ->state.heartbeat_ns.store(UINT64_MAX, std::memory_order_relaxed);
  EXPECT_THAT(ask("flush").err, HasSubstr(absl::StrCat(served, "0s ago\n")));
  ASSERT_NO_FATAL_FAILURE(Thaw());
}

TEST_F(DaemonPosixTest, DaemonOfAnotherUserIsTold) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  ASSERT_TRUE(StartDaemon({"--mode", "0644"}));
  const auto ask = [&](const std::string& subcommand) {
    auto cubby = test::StartAs({12345, 0}, ControlFile().parent_path(),
                               {test::ProgramPath("cubby"), "-s", store(), subcommand});
    EXPECT_TRUE(cubby.ok()) << cubby.status();
    return cubby.ok() ? (*cubby)->Wait(test::kLong) : test::ExitResult();
  };
  const std::string only = "is served by user 0, and only that user may ask its daemon";
  const test::ExitResult flush = ask("flush");
  EXPECT_EQ(flush.exit_code, 5) << flush.err;
  EXPECT_THAT(flush.err, AllOf(HasSubstr(only),
                               HasSubstr(absl::StrCat("process ", daemon()->pid(), " of user 0"))));
  // The administrator's store may be read.
  const test::ExitResult stats = ask("stats");
  EXPECT_EQ(stats.exit_code, 0) << stats.err;
  EXPECT_THAT(stats.out, HasSubstr("entries: 0\n"));
  EXPECT_THAT(stats.err, HasSubstr(only));
  ASSERT_EQ(chmod(MappingFile().c_str(), 0600), 0);
  const test::ExitResult refused = ask("stats");
  EXPECT_EQ(refused.exit_code, 5) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("is another user's, and only that user may ask its daemon"));
}

// args: a command line, run without memory for poll(2).
CUBBY_CHILD(WithoutPoll) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_poll
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_poll, 1, 0),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {static_cast<unsigned short>(std::size(filter)), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return 99;
  }
  const std::vector<char*> argv = test::ArgvOf(args);
  execv(argv[0], argv.data());
  return 98;
}

TEST_F(DaemonPosixTest, ServesOnWhenTheSystemCannotWait) {
  auto daemon = test::StartChild("WithoutPoll", {test::ProgramPath("cubbyd"), "--store", store()});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const absl::Status told =
      (*daemon)->WaitForError("tries again until it can: cannot wait for requests", test::kLong);
  ASSERT_TRUE(told.ok()) << told;
  EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  (*daemon)->Interrupt();
  const test::ExitResult ended = (*daemon)->Wait(test::kLong);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.err.find("tries again"), ended.err.rfind("tries again")) << ended.err;
}

TEST_F(DaemonPosixTest, SquattedControlFifoLeavesAnOldStoreItsEntries) {
  LeaveStore();
  fs::remove(ControlFile());
  std::ofstream(ControlFile()) << "precious";
  EXPECT_EQ(RunDaemon({}).exit_code, 10);
  fs::remove(ControlFile());
  ASSERT_TRUE(StartDaemon());
  EXPECT_TRUE(Store::Open(store()).value()->Contains("k").value());
}

TEST_F(DaemonPosixTest, WhatTimedOutIsNotDoneLater) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  ASSERT_NO_FATAL_FAILURE(Freeze());
  for (const char* subcommand : {"flush", "shutdown"}) {
    const test::ExitResult result = Cubby({subcommand, "--timeout", "0.2"});
    EXPECT_EQ(result.exit_code, 7) << result.err;
    EXPECT_THAT(result.err, HasSubstr("did not answer in time"));
  }
  ASSERT_NO_FATAL_FAILURE(Thaw());
  // Answered after the two: requests are taken in order.
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

TEST_F(DaemonPosixTest, WhatClientsLeaveThatAreKilledWhileTheyWaitIsRemoved) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_NO_FATAL_FAILURE(Freeze());
  auto client = StartCubby({"ping"});
  ASSERT_TRUE(client);
  const int requests = open(ControlFile().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(requests, 0);
  absl::Cleanup close_requests = [requests] { close(requests); };
  const os::Deadline deadline(test::kLong);
  for (int bytes = 0; bytes == 0; ioctl(requests, FIONREAD, &bytes)) {
    ASSERT_FALSE(deadline.Passed()) << "it did not ask";
  }
  client->Kill();
  client->Wait(test::kLong);
  EXPECT_EQ(RuntimeFiles(), 2u) << "the request FIFO and its own";

  ASSERT_NO_FATAL_FAILURE(Thaw());
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  EXPECT_EQ(RuntimeFiles(), 1u);
}

TEST_F(DaemonPosixTest, MoreThanThereIsMemoryForIsTooLarge) {
  const test::ExitResult result = RunDaemon({"--capacity", "4000000000"});
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("needs"), HasSubstr("/dev/shm has")));
  EXPECT_FALSE(fs::exists(MappingFile()) || fs::exists(LockFile()));
}

TEST_F(DaemonPosixTest, FreshThatThereIsNoMemoryForCostsNoEntries) {
  LeaveStore();
  EXPECT_EQ(RunDaemon({"--fresh", "--capacity", "4000000000"}).exit_code, 4);
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
}

// A memory control group of this test's own, in the one that it runs in, for cubbyd alone.
class MemoryGroup {
 public:
  explicit MemoryGroup(uint64_t limit) {
    const absl::optional<fs::path> own = Own();
    if (!own.has_value()) return;
    path_ = *own / test::UniqueStoreName("cubby");
    std::error_code error;
    if (!fs::create_directory(path_, error)) return;
    for (const char* file : {"memory.limit_in_bytes", "memory.max"}) {
      if (!fs::exists(path_ / file)) continue;
      std::ofstream limits(path_ / file);
      limits << limit << std::flush;
      usable_ = limits.good();
    }
  }
  ~MemoryGroup() {
    std::error_code error;
    if (!path_.empty()) fs::remove(path_, error);
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  bool usable() const { return usable_; }
  fs::path path() const { return path_; }

 private:
  // The directory of the group that this process is in.
  static absl::optional<fs::path> Own() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      for (const char* controller : {":memory:", "0::"}) {
        const size_t at = line.find(controller);
        if (at == std::string::npos) continue;
        const std::string group = line.substr(at + std::strlen(controller));
        for (const char* mount : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
          const fs::path path = mount + group;
          if (fs::exists(path / "memory.limit_in_bytes") || fs::exists(path / "memory.max")) {
            return path;
          }
        }
      }
    }
    return absl::nullopt;
  }

  fs::path path_;
  bool usable_ = false;
};

TEST_F(DaemonPosixTest, MoreThanTheMemoryControlGroupAllowsIsTooLarge) {
  const MemoryGroup group(uint64_t{64} << 20);
  if (!group.usable()) GTEST_SKIP() << "no memory control group can be made here";
  const auto run = [&](const std::string& capacity) {
    return test::Run(
        {"/bin/sh", "-c",
         "echo $$ > \"$0\"/cgroup.procs && exec \"$1\" --store \"$2\" --capacity \"$3\"",
         group.path().string(), test::ProgramPath("cubbyd"), store(), capacity});
  };
  const test::ExitResult result = run("1000000");
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("the memory control group " + group.path().string()),
                                HasSubstr("of its limit of 67108864")));
  EXPECT_FALSE(fs::exists(MappingFile()) || fs::exists(LockFile()));
}

TEST_F(DaemonPosixTest, FileSizeLimitIsAnErrorNotASignal) {
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit tight = {1 << 20, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  absl::Cleanup restore = [&before] { setrlimit(RLIMIT_FSIZE, &before); };
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 4) << result.err;
}

}  // namespace
}  // namespace cubby
