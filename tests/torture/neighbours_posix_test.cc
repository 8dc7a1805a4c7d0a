// What users may do to each other's stores, to the letter of docs/protocol.md: for stores of three
// modes, every user against every object.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/as_user_posix.h"
#include "tests/support/subprocess.h"
#include "tests/support/torture.h"

namespace cubby {
namespace {

namespace fs = std::filesystem;
using test::User;

constexpr uint32_t kGroup = 60606;
constexpr User kOwner = {50501, kGroup};
constexpr User kMember = {50502, kGroup};
constexpr User kOther = {50503, 0};
constexpr User kThird = {50504, 50599};  // in a group, but not in that one

// args: paths of mapping, lock file, runtime directory, request FIFO. Prints a word for each: r, w,
// u (may be removed; for the directory c, things may be put into it) or -.
CUBBY_CHILD(Intruder) {
  const auto can_open = [](const std::string& path, int access) {
    const int fd = open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0 || errno == ENXIO;  // a FIFO without a reader
  };
  std::vector<std::string> words;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool directory = i == 2;
    std::string word;
    word += can_open(args[i], O_RDONLY) ? 'r' : '-';
    if (directory) {
      const std::string made = args[i] + "/intruder";
      const bool can_create = open(made.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0;
      unlink(made.c_str());
      word += can_create ? 'c' : '-';
    } else {
      word += can_open(args[i], O_WRONLY) ? 'w' : '-';
      // The owner may, of course, and is not asked to show it.
      struct stat info;
      const bool own = stat(args[i].c_str(), &info) == 0 && info.st_uid == geteuid();
      word += own || unlink(args[i].c_str()) == 0 ? 'u' : '-';
    }
    words.push_back(word);
  }
  std::printf("%s\n", absl::StrJoin(words, " ").c_str());
  return 0;
}

class NeighboursTest : public ::testing::Test {
 protected:
  NeighboursTest()
      : store_(test::UniqueStoreName("neighbours")),
        dir_(fs::temp_directory_path() / test::UniqueStoreName("runtime")) {}
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to become others";
    fs::create_directory(dir_);
    ASSERT_EQ(chown(dir_.c_str(), kOwner.id, kOwner.id), 0);
    ASSERT_EQ(chmod(dir_.c_str(), 0700), 0);
  }
  void TearDown() override {
    if (daemon_ != nullptr) {
      daemon_->Interrupt();
      const test::ExitResult result = daemon_->Wait(absl::Seconds(60));
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    fs::remove_all(dir_);
  }

  void StartDaemon(const std::vector<std::string>& flags) {
    std::vector<std::string> argv = {test::ProgramPath("cubbyd"), "--store", store_, "--capacity",
                                     "100"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    auto daemon = test::StartAs(kOwner, dir_, argv);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
    const absl::Status serving = daemon_->WaitForError("serving", absl::Seconds(60));
    ASSERT_TRUE(serving.ok()) << serving;
  }

  std::string Mapping() const { return absl::StrCat("/dev/shm/cubby.", store_); }

  std::string WhatMayBeDoneBy(const User& user) {
    auto intruder = test::StartAs(user, dir_,
                                  {test::SelfPath(), "--child=Intruder", Mapping(),
                                   Mapping() + ".lock", dir_, dir_ / (store_ + ".requests")});
    EXPECT_TRUE(intruder.ok()) << intruder.status();
    const test::ExitResult result = (*intruder)->Wait(absl::Seconds(60));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out.substr(0, result.out.find('\n'));
  }

  test::ExitResult Cubby(const User& user, const std::string& dir,
                         const std::vector<std::string>& words) {
    std::vector<std::string> argv = {test::ProgramPath("cubby"), "--store", store_, "--owner",
                                     absl::StrCat(kOwner.id)};
    argv.insert(argv.end(), words.begin(), words.end());
    auto cubby = test::StartAs(user, dir, argv);
    EXPECT_TRUE(cubby.ok()) << cubby.status();
    return (*cubby)->Wait(absl::Seconds(60));
  }

  const std::string store_;
  const fs::path dir_;
  std::unique_ptr<test::Subprocess> daemon_;
};

struct Case {
  const char* mode;
  const char* group;
  // Of mapping, lock file, runtime directory, request FIFO.
  const char* owner;
  const char* member;
  const char* other;
};

TEST_F(NeighboursTest, MayDoWhatTheModeSaysAndNoMore) {
  const std::string group = absl::StrCat(kGroup);
  const Case cases[] = {
      {"0600", "", "rwu rwu rc rwu", "--- --- -- ---", "--- --- -- ---"},
      {"0644", "", "rwu rwu rc rwu", "r-- --- -- ---", "r-- --- -- ---"},
      {"0640", group.c_str(), "rwu rwu rc rwu", "r-- --- -- ---", "--- --- -- ---"},
      {"0660", group.c_str(), "rwu rwu rc rwu", "rw- rw- -- ---", "--- --- -- ---"},
      {"0664", group.c_str(), "rwu rwu rc rwu", "rw- rw- -- ---", "r-- --- -- ---"},
      {"0666", "", "rwu rwu rc rwu", "rw- rw- -- ---", "rw- rw- -- ---"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(absl::StrCat("mode ", c.mode, " group ", c.group));
    std::vector<std::string> flags = {"--mode", c.mode};
    if (*c.group != '\0') flags.insert(flags.end(), {"--group", c.group});
    ASSERT_NO_FATAL_FAILURE(StartDaemon(flags));
    EXPECT_EQ(WhatMayBeDoneBy(kOwner), c.owner);
    EXPECT_EQ(WhatMayBeDoneBy(kMember), c.member);
    EXPECT_EQ(WhatMayBeDoneBy(kOther), c.other);
    EXPECT_EQ(WhatMayBeDoneBy(kThird), c.other);
    daemon_->Interrupt();
    const test::ExitResult ended = daemon_->Wait(absl::Seconds(60));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    daemon_.reset();
    EXPECT_FALSE(fs::exists(Mapping()));
  }
  test::Report("neighbours", {{"modes", absl::StrCat(std::size(cases))},
                              {"users", "4"},
                              {"objects", "4"},
                              {"otherwise than documented", HasFailure() ? "some" : "0"}});
}

TEST_F(NeighboursTest, AGroupWritesAndEverybodyReads) {
  ASSERT_NO_FATAL_FAILURE(StartDaemon({"--mode", "0664", "--group", absl::StrCat(kGroup)}));
  EXPECT_EQ(Cubby(kOwner, dir_, {"put", "k", "owner's"}).exit_code, 0);
  EXPECT_EQ(Cubby(kMember, dir_, {"get", "k"}).out, "owner's");
  EXPECT_EQ(Cubby(kMember, dir_, {"put", "k", "member's"}).exit_code, 0);
  EXPECT_EQ(Cubby(kOther, dir_, {"get", "k"}).out, "member's");
  EXPECT_EQ(Cubby(kOther, dir_, {"put", "k", "other's"}).exit_code, 5);
  EXPECT_EQ(Cubby(kOwner, dir_, {"ping"}).exit_code, 0);
  EXPECT_EQ(Cubby(kMember, dir_, {"ping"}).exit_code, 5);  // the directory is the owner's alone
  // Wherever the member looks: only the owner may ask.
  EXPECT_EQ(Cubby(kMember, "/nowhere", {"ping"}).exit_code, 5);
}

TEST_F(NeighboursTest, AnotherGroupIsNotTakenForTheOneThatIsThere) {
  ASSERT_NO_FATAL_FAILURE(StartDaemon({"--mode", "0660", "--group", absl::StrCat(kGroup)}));
  daemon_->Kill();
  daemon_->Wait(absl::Seconds(60));
  daemon_.reset();
  auto daemon = test::StartAs(kOwner, dir_,
                              {test::ProgramPath("cubbyd"), "--store", store_, "--mode", "0660",
                               "--group", absl::StrCat(kOwner.id)});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const test::ExitResult refused = (*daemon)->Wait(absl::Seconds(60));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, ::testing::HasSubstr("--group 60606, not 50501"));
  // Made afresh, all of it is the daemon's own group's.
  ASSERT_NO_FATAL_FAILURE(StartDaemon({"--mode", "0660", "--fresh"}));
  EXPECT_EQ(WhatMayBeDoneBy(kMember), "--- --- -- ---");
}

}  // namespace
}  // namespace cubby
