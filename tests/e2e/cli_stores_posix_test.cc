// ls and clean where stores outlive their daemons, and where anything can have a store's name.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/leftovers.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "table/layout.h"
#include "tests/support/as_user_posix.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/json.h"
#include "tests/support/shared.h"

namespace cubby::test {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDeadline = absl::Seconds(60);
constexpr uint32_t kStranger = 4242;

class StoresPosixTest : public DaemonFixture {
 protected:
  void TearDown() override {
    // Also what another user has by now. A daemon that runs removes its own.
    const bool runs = daemon() != nullptr && daemon()->Running();
    for (const char* suffix : {".1", ".7", "", ".lock"}) {
      if (!runs) fs::remove(Path(suffix));
    }
    DaemonFixture::TearDown();
  }

  std::string Path(const std::string& suffix = "") const {
    return absl::StrCat("/dev/shm/cubby.", store(), suffix);
  }
  std::string ChannelPath(const std::string& suffix) const {
    return absl::StrCat(std::getenv("CUBBY_RUNTIME_DIR"), "/", store(), suffix);
  }
  nlohmann::json Row() const {
    const ExitResult list = Cubby({"ls", "-s", store(), "--json"});
    EXPECT_EQ(list.exit_code, 0) << list.err;
    const auto json = ParseJson(list.out);
    EXPECT_TRUE(json.ok()) << json.status();
    return json.ok() && json->size() == 1 ? json->at(0) : nlohmann::json();
  }
  ExitResult Clean(std::vector<std::string> flags = {}) const {
    flags.insert(flags.begin(), {"clean", "-s", store()});
    return Cubby(flags);
  }
  // What no daemon has removed.
  bool NothingLeft() const {
    return !fs::exists(Path()) && !fs::exists(Path(".lock")) &&
           !fs::exists(ChannelPath(".requests"));
  }
};

TEST_F(StoresPosixTest, AStoreOfAKilledDaemonIsListedAndCleaned) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  KillDaemon();
  EXPECT_EQ(Row().at("state"), "left");
  EXPECT_EQ(Row().at("daemon"), "none");
  EXPECT_TRUE(Row().at("daemon_pid").is_null());
  EXPECT_EQ(Row().at("entries"), 1);

  const ExitResult dry = Clean();
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_THAT(dry.out,
              HasSubstr("would remove store '" + store() + "': its cubbyd was killed; 1 entry; "));
  EXPECT_THAT(dry.out, HasSubstr("would remove FIFO " + ChannelPath(".requests") + ": "));
  EXPECT_THAT(dry.out, HasSubstr("nothing was removed: "));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");

  const ExitResult clean = Clean({"--yes"});
  EXPECT_EQ(clean.exit_code, 0) << clean.err;
  EXPECT_THAT(clean.out, HasSubstr("removed store '" + store() + "': "));
  EXPECT_TRUE(NothingLeft());
  EXPECT_EQ(Cubby({"get", "k"}).exit_code, 3);
  EXPECT_EQ(Clean({"--yes"}).out, "nothing is left over\n");
}

TEST_F(StoresPosixTest, CleanOfAllCleansOfEveryStore) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  EXPECT_THAT(Cubby({"clean"}).out, HasSubstr("would remove store '" + store() + "'"));
}

TEST_F(StoresPosixTest, AStoreLeftOnPurposeIsRemovedOnlyIfAskedFor) {
  ASSERT_TRUE(StartDaemon({"--keep-on-exit"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  EXPECT_EQ(StopDaemon().exit_code, 0);
  EXPECT_EQ(Row().at("state"), "kept");
  EXPECT_THAT(Clean({"--yes"}).out,
              HasSubstr("keeps store '" + store() + "': it was left for the next cubbyd; 1 entry"));
  EXPECT_EQ(Cubby({"get", "k"}).out, "v");
  EXPECT_THAT(Clean({"--yes", "--kept"}).out, HasSubstr("removed store"));
  EXPECT_TRUE(NothingLeft());
}

TEST_F(StoresPosixTest, AStoreThatWasToStayIsKeptThoughItsDaemonWasKilled) {
  ASSERT_TRUE(StartDaemon({"--keep-on-exit"}));
  KillDaemon();
  EXPECT_EQ(Row().at("state"), "kept");
  EXPECT_THAT(Clean().out, HasSubstr("keeps store"));
}

TEST_F(StoresPosixTest, AStoreThatAShutdownKeptIsKept) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"shutdown", "--keep"}).exit_code, 0);
  EXPECT_EQ(daemon()->Wait(kDeadline).exit_code, 0);
  EXPECT_EQ(Row().at("state"), "kept");
}

TEST_F(StoresPosixTest, ADaemonThatTakesAStoreOverSaysAnewWhetherItStays) {
  ASSERT_TRUE(StartDaemon({"--keep-on-exit"}));
  ASSERT_TRUE(ReplaceDaemon());
  KillDaemon();
  EXPECT_EQ(Row().at("state"), "left");
}

TEST_F(StoresPosixTest, AStoreWhoseWorthIsNotKnownIsKept) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  // As a daemon leaves it that does not know the word.
  SharedView<table::FixedPart>::Open(store()).value()->state.at_end.store(0);
  EXPECT_EQ(Row().at("state"), "unserved");
  EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("keeps store"));
}

// args: the store. Opens it for reading only.
CUBBY_CHILD(Reader) {
  OpenOptions options;
  options.mode = Mode::kReadOnly;
  const auto opened = Store::Open(args[0], options);
  if (!opened.ok()) return 2;
  ReportReady();
  WaitForInputEnd();
  std::string value;
  return absl::IsFailedPrecondition((*opened)->Get("k", &value).status()) ? 3 : 0;
}

CUBBY_CHILD(Writer) {
  const auto opened = Store::Open(args[0]);
  if (!opened.ok()) return 2;
  ReportReady();
  WaitForInputEnd();
  return (*opened)->Put("k", "w").ok() ? 0 : 1;
}

TEST_F(StoresPosixTest, AStoreThatAWriterHasOpenStays) {
  ASSERT_TRUE(StartDaemon());
  const auto writer = StartUser("Writer");
  ASSERT_TRUE(writer && WaitUntilReady(*writer).ok());
  KillDaemon();
  EXPECT_THAT(Clean({"--yes", "--kept"}).out, Not(HasSubstr("removed store")));
  writer->CloseInput();
  EXPECT_EQ(writer->Wait(kDeadline).exit_code, 0);
  EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("removed store"));
}

TEST_F(StoresPosixTest, AStoreThatAReaderHasOpenStays) {
  ASSERT_TRUE(StartDaemon());
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const auto reader = StartUser("Reader");
  ASSERT_TRUE(reader && WaitUntilReady(*reader).ok());
  KillDaemon();
  EXPECT_THAT(Clean({"--yes"}).out, Not(HasSubstr("store '")));
  reader->CloseInput();
  EXPECT_EQ(reader->Wait(kDeadline).exit_code, 0);
}

TEST_F(StoresPosixTest, AReaderThatIsNotSeenFindsTheStoreShutDown) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become two users";
  ASSERT_TRUE(StartDaemon({"--mode", "0644"}));
  ASSERT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  const auto reader = StartUser("Reader");  // root's, whose memory no other user sees
  ASSERT_TRUE(reader && WaitUntilReady(*reader).ok());
  KillDaemon();
  for (const std::string& path : {Path(), Path(".lock")}) {
    ASSERT_EQ(chown(path.c_str(), kStranger, kStranger), 0);
  }
  const auto clean = StartAs({kStranger, 0}, "/nonexistent",
                             {ProgramPath("cubby"), "clean", "-s", store(), "--yes"});
  ASSERT_TRUE(clean.ok()) << clean.status();
  const ExitResult cleaned = (*clean)->Wait(kDeadline);
  EXPECT_EQ(cleaned.exit_code, 0) << cleaned.err;
  EXPECT_FALSE(fs::exists(Path())) << cleaned.out;
  reader->CloseInput();
  EXPECT_EQ(reader->Wait(kDeadline).exit_code, 3);
}

TEST_F(StoresPosixTest, AnotherUsersStoreIsListedAndNotCleaned) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give a file to another user";
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  for (const std::string& path : {Path(), Path(".lock")}) {
    ASSERT_EQ(chown(path.c_str(), kStranger, kStranger), 0);
  }
  EXPECT_EQ(Row().at("owner"), absl::StrCat(kStranger));
  EXPECT_EQ(Row().at("entries"), 0);
  EXPECT_THAT(Clean({"--yes", "--kept"}).out, Not(HasSubstr("store '")));
  EXPECT_TRUE(fs::exists(Path()));
}

TEST_F(StoresPosixTest, AStoreThatMayNotBeReadIsListedWithWhatItsFileTells) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  ASSERT_TRUE(StartDaemon());
  const auto list = StartAs({kStranger, 0}, "/nonexistent",
                            {ProgramPath("cubby"), "ls", "-s", store(), "--json"});
  ASSERT_TRUE(list.ok()) << list.status();
  const ExitResult listed = (*list)->Wait(kDeadline);
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  const auto json = ParseJson(listed.out);
  ASSERT_TRUE(json.ok()) << json.status();
  const nlohmann::json& row = json->at(0);
  EXPECT_EQ(row.at("owner"), "0");
  EXPECT_EQ(row.at("mode"), "0600");
  EXPECT_EQ(row.at("bytes"), fs::file_size(Path()));
  for (const char* unknown : {"entries", "daemon", "daemon_pid", "layout", "state"}) {
    EXPECT_TRUE(row.at(unknown).is_null()) << unknown;
  }
  EXPECT_THAT(row.at("why").get<std::string>(), HasSubstr("Permission denied"));
}

TEST_F(StoresPosixTest, AStoreThatMayOnlyBeReadIsServedByItsHeartbeat) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  ASSERT_TRUE(StartDaemon({"--mode", "0644"}));
  const auto list =
      StartAs({kStranger, 0}, "/nonexistent", {ProgramPath("cubby"), "ls", "-s", store()});
  ASSERT_TRUE(list.ok()) << list.status();
  const ExitResult listed = (*list)->Wait(kDeadline);
  EXPECT_THAT(listed.out, HasSubstr(absl::StrCat(" ", daemon()->pid(), " ")));
  EXPECT_THAT(listed.out, HasSubstr(" served\n"));
}

// What is at the name, and what `ls` and `clean --kept --yes` make of it.
TEST_F(StoresPosixTest, WhateverHasTheNameIsListedAndOnlyStoresAreCleaned) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  KillDaemon();
  std::ifstream made(Path(), std::ios::binary);
  const std::string sound((std::istreambuf_iterator<char>(made)), {});
  ASSERT_GT(sound.size(), table::kHeaderBytes);
  const auto write = [&](const std::string& bytes) {
    fs::remove(Path());
    std::ofstream(Path(), std::ios::binary) << bytes;
  };
  const auto changed = [&](size_t at, char byte) {
    std::string bytes = sound;
    bytes[at] = byte;
    return bytes;
  };
  struct Case {
    const char* what;
    std::function<void()> make;
    const char* state;
    bool cleaned;  // with --kept
  };
  const Case cases[] = {
      {"another major version", [&] { write(changed(8, 9)); }, "other layout", true},
      {"a damaged header", [&] { write(changed(24, 7)); }, "damaged", true},
      {"a truncated store", [&] { write(sound.substr(0, 100'000)); }, "damaged", true},
      {"a store of a few bytes", [&] { write(sound.substr(0, 100)); }, "damaged", true},
      {"another program's file", [&] { write(std::string(100'000, 'x')); }, "not a store", false},
      {"another program's short file", [&] { write("hello"); }, "not a store", false},
      {"a poisoned store", [&] { write(changed(128, 4)); }, "damaged", true},
      {"a retired store", [&] { write(changed(128, 5)); }, "retired", true},
      {"a link", [&] { fs::remove(Path()), fs::create_symlink("/etc/passwd", Path()); },
       "not a store", false},
      {"a dangling link", [&] { fs::remove(Path()), fs::create_symlink("/none", Path()); },
       "not a store", false},
      {"a directory", [&] { fs::remove(Path()), fs::create_directory(Path()); }, "not a store",
       false},
      {"a FIFO", [&] { fs::remove(Path()), mkfifo(Path().c_str(), 0600); }, "not a store", false},
      {"a hard link", [&] { write(sound), fs::create_hard_link(Path(), Path(".7")); },
       "not a store", false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    fs::remove(Path(".7"));
    one.make();
    if (!fs::exists(Path(".lock"))) {
      std::ofstream(Path(".lock"), std::ios::binary) << sound.substr(72, 16);
    }
    const nlohmann::json row = Row();
    EXPECT_EQ(row.at("state"), one.state) << row;
    const std::string before = Cubby({"ls", "-s", store()}).out;
    EXPECT_EQ(Clean({"--kept"}).exit_code, 0);
    EXPECT_EQ(Cubby({"ls", "-s", store()}).out, before) << "a dry run changes nothing";
    const ExitResult clean = Clean({"--kept", "--yes"});
    EXPECT_EQ(clean.exit_code, 0) << clean.err;
    EXPECT_EQ(fs::exists(fs::symlink_status(Path())), !one.cleaned) << clean.out;
    fs::remove(Path());
  }
}

TEST_F(StoresPosixTest, AHalfMadeStoreIsCleaned) {
  const std::string zeros(1 << 20, '\0');
  // As a killed daemon leaves them, before and after it has given the file its length.
  for (size_t bytes : {size_t{0}, zeros.size()}) {
    std::ofstream(Path(".lock")).close();
    std::ofstream(Path(), std::ios::binary) << zeros.substr(0, bytes);
    EXPECT_EQ(Row().at("state"), "half made");
    EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("removed store '" + store() +
                                                "': its cubbyd was killed while it made it"));
    EXPECT_TRUE(NothingLeft());
  }
}

TEST_F(StoresPosixTest, ALockFileWithoutAStoreIsCleaned) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  ASSERT_TRUE(fs::remove(Path()));
  EXPECT_EQ(Row().at("state"), "lock file only");
  EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("removed lock file of store"));
  EXPECT_TRUE(NothingLeft());
}

TEST_F(StoresPosixTest, ALockFileOfALivingWriterStays) {
  ASSERT_TRUE(StartDaemon());
  const auto writer = StartUser("Writer");
  ASSERT_TRUE(writer && WaitUntilReady(*writer).ok());
  KillDaemon();
  ASSERT_TRUE(fs::remove(Path()));
  EXPECT_THAT(Clean({"--yes"}).out, Not(HasSubstr("lock file")));
  EXPECT_TRUE(fs::exists(Path(".lock")));
}

TEST_F(StoresPosixTest, AFileOfOtherBytesWithTheLockFilesNameStays) {
  std::ofstream(Path(".lock")) << "these are the bytes of another program";
  EXPECT_THAT(Clean({"--yes", "--kept"}).out, Not(HasSubstr("lock file")));
  EXPECT_TRUE(fs::exists(Path(".lock")));
}

TEST_F(StoresPosixTest, AStoreWithoutItsLockFileIsRemovedOnlyIfAskedFor) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  ASSERT_TRUE(fs::remove(Path(".lock")));
  EXPECT_THAT(Clean({"--yes"}).out,
              HasSubstr("keeps store '" + store() + "': it has lost its lock"));
  EXPECT_FALSE(fs::exists(Path(".lock"))) << "nothing was made";
  EXPECT_THAT(Clean({"--yes", "--kept"}).out, HasSubstr("removed store"));
  EXPECT_TRUE(NothingLeft());
}

TEST_F(StoresPosixTest, GenerationsAreOneStore) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  KillDaemon();
  const uint64_t bytes = fs::file_size(Path());
  fs::copy_file(Path(), Path(".1"));
  // Generation 0 is superseded by 1, which nothing else says.
  SharedView<table::FixedPart>::Open(store()).value()->state.state.store(1 << 8 | 3);
  EXPECT_EQ(Row().at("bytes"), 2 * bytes);
  EXPECT_EQ(Row().at("state"), "left");
  EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("removed store"));
  EXPECT_TRUE(NothingLeft());
  EXPECT_FALSE(fs::exists(Path(".1")));
}

TEST_F(StoresPosixTest, ReplyFifosOfKilledClientsAreCleanedAfterAMinute) {
  const std::string reply = ChannelPath(".reply.0123456789abcdef");
  ASSERT_EQ(mkfifo(reply.c_str(), 0600), 0);
  EXPECT_EQ(Clean().out, "nothing is left over\n");
  const struct timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, reply.c_str(), times, 0), 0);
  EXPECT_THAT(Clean({"--yes"}).out, HasSubstr("removed FIFO " + reply + ": its client was killed"));
  EXPECT_FALSE(fs::exists(reply));
}

TEST_F(StoresPosixTest, ChannelsInUseAndOtherFilesStay) {
  ASSERT_TRUE(StartDaemon());
  const std::string file = ChannelPath(".control");
  std::ofstream(file) << "no FIFO";
  EXPECT_EQ(Clean({"--yes"}).out, "nothing is left over\n");
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
}

// While a cleaner has the store, a daemon that starts waits for it.
TEST_F(StoresPosixTest, ADaemonWaitsForACleaner) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  auto seats = lock::Seats::Open(store()).value();
  ASSERT_TRUE(seats->Claim(lock::kCleanerSeat).value());
  ASSERT_TRUE(seats->Claim(lock::kDaemonSeat).value());
  const auto starting = LaunchDaemon();
  ASSERT_TRUE(starting);
  // It has the lock file open once it waits.
  const std::string descriptors = absl::StrCat("/proc/", starting->pid(), "/fd");
  const auto has_lock_file = [&] {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(descriptors, error)) {
      if (fs::read_symlink(entry.path(), error) == Path(".lock")) return true;
    }
    return false;
  };
  while (!has_lock_file()) ASSERT_TRUE(starting->Running());
  ASSERT_TRUE(fs::remove(Path()));
  ASSERT_TRUE(seats->Remove().ok());
  seats.reset();
  EXPECT_TRUE(starting->WaitForError("serving, new", kDeadline).ok());
  starting->Interrupt();
  EXPECT_EQ(starting->Wait(kDeadline).exit_code, 0);
}

// Cleaners and daemons that start at the same moment: a daemon always serves in the end, and no
// acknowledged put is lost.
TEST_F(StoresPosixTest, CleanersAndStartingDaemonsDoNotMeet) {
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
    KillDaemon();
    const auto cleaner = StartCubby({"clean", "-s", store(), "--yes"});
    ASSERT_TRUE(cleaner);
    ASSERT_TRUE(StartDaemon({"--capacity", "100"}));
    ASSERT_EQ(Cubby({"put", "k", absl::StrCat(turn)}).exit_code, 0);
    const ExitResult cleaned = cleaner->Wait(kDeadline);
    EXPECT_LE(cleaned.exit_code, 1) << cleaned.err;
    EXPECT_EQ(Cubby({"get", "k"}).out, absl::StrCat(turn)) << cleaned.out;
    EXPECT_EQ(StopDaemon().exit_code, 0);
    EXPECT_TRUE(NothingLeft());
  }
}

// A writer that opens the store between the cleaner's first look and its last keeps it.
TEST_F(StoresPosixTest, AWriterThatComesMeanwhileKeepsTheStore) {
  ASSERT_TRUE(StartDaemon());
  KillDaemon();
  const auto leftovers = FindLeftovers(store());
  ASSERT_TRUE(leftovers.ok()) << leftovers.status();
  ASSERT_THAT(*leftovers, Not(IsEmpty()));
  const auto writer = StartUser("Writer");
  ASSERT_TRUE(writer && WaitUntilReady(*writer).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(RemoveLeftover(leftovers->front())));
  writer->CloseInput();
  EXPECT_EQ(writer->Wait(kDeadline).exit_code, 0);
  EXPECT_TRUE(RemoveLeftover(leftovers->front()).ok());
}

}  // namespace
}  // namespace cubby::test
