// What lies in the runtime directory, and who may have put it there.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/descriptor_posix.h"
#include "os/envelope_posix.h"
#include "os/pipe.h"
#include "os/pipe_client.h"
#include "os/pipe_server.h"
#include "os/runtime_dir_posix.h"
#include "tests/support/runtime_dir.h"
#include "tests/support/subprocess.h"

namespace cubby::os {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kLong = absl::Seconds(60);

class PipePosixTest : public ::testing::Test {
 protected:
  PipePosixTest()
      : store_(test::UniqueStoreName("pipe")),
        requests_(dir_.path() / absl::StrCat(store_, ".requests")) {}

  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      files.push_back(entry.path().filename().string());
    }
    return files;
  }

  void ExpectRefused(absl::StatusCode code, absl::string_view named) {
    const absl::Status status = PipeServer::Create(store_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(named)));
  }

  // Sends a request and returns where its answer goes.
  static uint64_t Send(PipeClient* client, PipeServer* server) {
    EXPECT_TRUE(client->Send("request", kLong).ok());
    const auto request = server->Receive(kLong);
    EXPECT_TRUE(request.ok() && request->has_value()) << request.status();
    return request.ok() && request->has_value() ? (*request)->reply_to : 0;
  }

  const test::RuntimeDir dir_;
  const std::string store_;
  const fs::path requests_;
};

TEST_F(PipePosixTest, NothingIsLeftBehind) {
  {
    auto server = PipeServer::Create(store_);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_THAT(Files(), ElementsAre(store_ + ".requests"));
    auto client = PipeClient::Connect(store_, kLong);
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_EQ(Files().size(), 2u);
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(PipePosixTest, NameThatIsGoneOrTakenIsTold) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE((*server)->CheckName().ok());
  fs::remove(requests_);
  EXPECT_TRUE(absl::IsNotFound((*server)->CheckName()));
  std::ofstream(requests_) << "precious";
  EXPECT_TRUE(absl::IsAlreadyExists((*server)->CheckName()));
}

TEST_F(PipePosixTest, RuntimeDirectoryThatIsGoneOrTakenIsTold) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  const fs::path elsewhere = dir_.path().string() + "-elsewhere";
  fs::rename(dir_.path(), elsewhere);
  EXPECT_TRUE(absl::IsNotFound((*server)->CheckName()));
  fs::create_directory(dir_.path());
  EXPECT_TRUE(absl::IsAlreadyExists((*server)->CheckName()));
  fs::remove(dir_.path());
  fs::rename(elsewhere, dir_.path());
  EXPECT_TRUE((*server)->CheckName().ok());
}

// Sets an environment variable, or takes it away, for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    Set(value);
  }
  ~Environment() { Set(before_.has_value() ? before_->c_str() : nullptr); }

 private:
  void Set(const char* value) {
    if (value == nullptr) {
      unsetenv(name_);
    } else {
      setenv(name_, value, 1);
    }
  }
  const char* const name_;
  absl::optional<std::string> before_;
};

TEST_F(PipePosixTest, RelativeRuntimeDirectoryIsRefused) {
  for (const char* relative : {"cubby-relative", "./cubby-relative", "../cubby-relative"}) {
    const Environment chosen("CUBBY_RUNTIME_DIR", relative);
    ExpectRefused(absl::StatusCode::kInvalidArgument, "relative path");
    const absl::Status client = PipeClient::Connect(store_, kLong).status();
    EXPECT_EQ(client.code(), absl::StatusCode::kInvalidArgument) << client;
    EXPECT_FALSE(fs::exists(relative));
  }
}

TEST_F(PipePosixTest, LinkIsRefusedHoweverItsPathEnds) {
  const fs::path link = dir_.path() / "link";
  fs::create_directory(dir_.path() / "target");
  fs::permissions(dir_.path() / "target", fs::perms::owner_all);
  fs::create_directory_symlink("target", link);
  for (const char* tail : {"", "/", "//", "/.", "/./", "/.//./"}) {
    const Environment chosen("CUBBY_RUNTIME_DIR", (link.string() + tail).c_str());
    ExpectRefused(absl::StatusCode::kFailedPrecondition, link.string() + " is a link");
    EXPECT_TRUE(absl::IsFailedPrecondition(PipeClient::Connect(store_, kLong).status())) << tail;
  }
  const Environment chosen("CUBBY_RUNTIME_DIR", (dir_.path() / "target/./").c_str());
  EXPECT_TRUE(PipeServer::Create(store_).ok());
}

// What is said must be safe to follow.
TEST_F(PipePosixTest, NoRemedyHarmsWhatOthersUse) {
  const fs::path shared = dir_.path() / "shared";
  fs::create_directory(shared);
  const Environment chosen("CUBBY_RUNTIME_DIR", shared.c_str());
  ASSERT_EQ(chmod(shared.c_str(), 01777), 0);
  const std::string own = absl::StrCat(shared.string(), "/cubby-", geteuid());
  std::string message(PipeServer::Create(store_).status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("of your own, such as " + own), Not(HasSubstr("chmod"))));
  {
    const Environment as_told("CUBBY_RUNTIME_DIR", own.c_str());
    EXPECT_TRUE(PipeServer::Create(store_).ok());
  }
  ASSERT_EQ(chmod(shared.c_str(), 0770), 0);
  ExpectRefused(absl::StatusCode::kPermissionDenied, "if only you use it");
  fs::remove_all(shared);
  std::ofstream(shared) << "precious";
  message = std::string(PipeServer::Create(store_).status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("is not a directory"), Not(HasSubstr("remove"))));
}

TEST_F(PipePosixTest, RuntimeDirectoryWithoutAParentIsTold) {
  const Environment chosen("CUBBY_RUNTIME_DIR", (dir_.path() / "none/cubby").c_str());
  ExpectRefused(absl::StatusCode::kNotFound, "whose parent does not exist");
}

TEST_F(PipePosixTest, XdgRuntimeDirectoryMustBeTheCallersOwn) {
  const Environment chosen("CUBBY_RUNTIME_DIR", nullptr);
  const fs::path own = dir_.path() / "xdg";
  fs::create_directory(own);
  const std::string fallback =
      geteuid() == 0 ? "/run/cubby" : absl::StrCat("/tmp/cubby-", geteuid());
  const Environment xdg("XDG_RUNTIME_DIR", own.c_str());
  EXPECT_EQ(RuntimeDirPath(), own / "cubby");
  for (const char* other : {"relative", "/nonexistent", "/dev/null", ""}) {
    const Environment ignored("XDG_RUNTIME_DIR", other);
    EXPECT_EQ(RuntimeDirPath(), fallback) << other;
  }
  if (geteuid() != 0) GTEST_SKIP() << "only root can give directories away";
  ASSERT_EQ(chown(own.c_str(), 1, 1), 0);
  EXPECT_EQ(RuntimeDirPath(), fallback);
}

TEST_F(PipePosixTest, RuntimeDirectoryIsNotMadeInAnotherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give directories away";
  const fs::path others = dir_.path() / "others";
  fs::create_directory(others);
  ASSERT_EQ(chown(others.c_str(), 1, 1), 0);
  for (const char* name : {"cubby", "cubby/"}) {
    const Environment chosen("CUBBY_RUNTIME_DIR", (others / name).c_str());
    ExpectRefused(absl::StatusCode::kPermissionDenied, "belongs to uid 1, not to you");
    EXPECT_TRUE(fs::is_empty(others));
  }
}

TEST_F(PipePosixTest, OnlyTheOwnerMayUseTheFifos) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  for (const std::string& file : Files()) {
    struct stat info;
    ASSERT_EQ(stat((dir_.path() / file).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << file;
  }
}

TEST_F(PipePosixTest, DirectoryIsMadeForTheOwnerAlone) {
  fs::remove(dir_.path());
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  struct stat info;
  ASSERT_EQ(stat(dir_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(PipePosixTest, DirectoryThatOthersMayWriteToIsRefused) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0770), 0);
  ExpectRefused(absl::StatusCode::kPermissionDenied, dir_.path().string());
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PipePosixTest, DirectoryOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(chown(dir_.path().c_str(), 1, 1), 0);
  ExpectRefused(absl::StatusCode::kPermissionDenied, dir_.path().string());
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PipePosixTest, DirectoryThatIsALinkIsRefused) {
  const fs::path elsewhere = dir_.path().string() + "-elsewhere";
  fs::rename(dir_.path(), elsewhere);
  fs::create_directory_symlink(elsewhere, dir_.path());
  ExpectRefused(absl::StatusCode::kFailedPrecondition, dir_.path().string());
  fs::remove_all(elsewhere);
}

TEST_F(PipePosixTest, NoDaemonSaysWhereItWasLookedFor) {
  const std::string begin = absl::StrCat("store '", store_, "' has no daemon (");
  const std::string end = "): start cubbyd, or set CUBBY_RUNTIME_DIR to the daemon's";
  const auto message = [this] {
    return std::string(PipeClient::Connect(store_, kLong).status().message());
  };
  EXPECT_EQ(message(), absl::StrCat(begin, "there is no ", requests_.string(), end));
  ASSERT_EQ(mkfifo(requests_.c_str(), 0600), 0);
  EXPECT_EQ(message(), absl::StrCat(begin, "no process reads ", requests_.string(), end));
  fs::remove_all(dir_.path());
  EXPECT_EQ(message(), absl::StrCat(begin, "there is no ", dir_.path().string(), end));
}

TEST_F(PipePosixTest, DaemonOfProtocol1IsNamed) {
  const fs::path old = dir_.path() / absl::StrCat(store_, ".control");
  ASSERT_EQ(mkfifo(old.c_str(), 0600), 0);
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(), absl::StatusCode::kUnavailable)
      << "it has ended";
  const Descriptor reader(open(old.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader.valid());
  const absl::Status status = PipeClient::Connect(store_, kLong).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("speaks control protocol 1"));
}

TEST_F(PipePosixTest, RequestFifoOfAnEndedDaemonOfProtocol1IsRemoved) {
  ASSERT_EQ(mkfifo((dir_.path() / absl::StrCat(store_, ".control")).c_str(), 0600), 0);
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Files(), ElementsAre(store_ + ".requests"));
}

TEST_F(PipePosixTest, WritesThatAreNoEnvelopesAreSkippedAndCounted) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  const Descriptor writer(open(requests_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(writer.valid());
  const std::string whole = MakeEnvelope(1, "request");
  uint64_t rejected = 0;
  for (const std::string& bytes :
       {std::string("garbage"), std::string(PIPE_BUF, '\0'), whole.substr(0, whole.size() - 1),
        whole.substr(1), std::string("cbE\xf1")}) {
    ASSERT_EQ(write(writer.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ++rejected;
    // In one read with the garbage.
    const uint64_t reply_to = Send(client->get(), server->get());
    ASSERT_TRUE((*server)->Answer(reply_to, "answer", kLong).ok());
    EXPECT_EQ((*client)->Receive(kLong).value(), "answer");
    EXPECT_EQ((*server)->rejected(), rejected);
  }
}

TEST_F(PipePosixTest, StaleFifoIsReplaced) {
  ASSERT_EQ(mkfifo(requests_.c_str(), 0600), 0);
  struct stat stale;
  ASSERT_EQ(stat(requests_.c_str(), &stale), 0);
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(), absl::StatusCode::kUnavailable);
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(PipeClient::Connect(store_, kLong).ok());
}

TEST_F(PipePosixTest, WithdrawLeavesTheNameToWhoMadeItAnew) {
  auto first = PipeServer::Create(store_);
  ASSERT_TRUE(first.ok()) << first.status();
  fs::remove(requests_);
  auto second = PipeServer::Create(store_);
  ASSERT_TRUE(second.ok()) << second.status();
  (*first)->Withdraw();
  EXPECT_TRUE(PipeClient::Connect(store_, kLong).ok());
  (*second)->Withdraw();
  EXPECT_FALSE(fs::exists(requests_));
}

TEST_F(PipePosixTest, FifoThatAProcessReadsIsNotTakenOver) {
  auto first = PipeServer::Create(store_);
  ASSERT_TRUE(first.ok()) << first.status();
  ExpectRefused(absl::StatusCode::kAlreadyExists, requests_.string());
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_NE(Send(client->get(), first->get()), 0u);
}

TEST_F(PipePosixTest, OfDaemonsThatComeAtOnceOneGetsTheName) {
  for (int round = 0; round < 50; ++round) {
    ASSERT_EQ(mkfifo(requests_.c_str(), 0600), 0);
    std::atomic<int> made{0};
    std::vector<absl::StatusOr<std::unique_ptr<PipeServer>>> servers(4);
    std::vector<std::thread> threads;
    threads.reserve(servers.size());
    for (auto& server : servers) {
      threads.emplace_back([&] {
        server = PipeServer::Create(store_);
        if (server.ok()) ++made;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
    EXPECT_TRUE(PipeClient::Connect(store_, kLong).ok());
  }
}

TEST_F(PipePosixTest, RequestFifoOfALivingDaemonOfProtocol1Stays) {
  const fs::path old = dir_.path() / absl::StrCat(store_, ".control");
  ASSERT_EQ(mkfifo(old.c_str(), 0600), 0);
  const Descriptor reader(open(old.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader.valid());
  EXPECT_TRUE(PipeServer::Create(store_).ok());
  EXPECT_TRUE(fs::exists(old));
}

TEST_F(PipePosixTest, LostNameIsMadeAnewAndClientsOfBeforeAreHeard) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->Restore().value(), "");
  auto before = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(before.ok()) << before.status();
  fs::remove(requests_);
  EXPECT_THAT((*server)->Restore().value(), HasSubstr(requests_.string()));
  EXPECT_EQ((*server)->Restore().value(), "");
  auto after = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(after.ok()) << after.status();
  for (PipeClient* client : {before->get(), after->get(), before->get()}) {
    const uint64_t reply_to = Send(client, server->get());
    ASSERT_TRUE((*server)->Answer(reply_to, "answer", kLong).ok());
    EXPECT_EQ(client->Receive(kLong).value(), "answer");
  }
  (*server)->Withdraw();
  EXPECT_FALSE(fs::exists(requests_));
  EXPECT_EQ((*server)->Restore().value(), "");
  EXPECT_FALSE(fs::exists(requests_)) << "it was withdrawn";
}

TEST_F(PipePosixTest, LostRuntimeDirectoryIsMadeAnew) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  fs::remove_all(dir_.path());
  EXPECT_THAT((*server)->Restore().value(), HasSubstr(dir_.path().string()));
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  const uint64_t reply_to = Send(client->get(), server->get());
  ASSERT_TRUE((*server)->Answer(reply_to, "answer", kLong).ok());
  EXPECT_EQ((*client)->Receive(kLong).value(), "answer");
}

TEST_F(PipePosixTest, NameThatSomethingElseTookIsNotTakenBack) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  fs::remove(requests_);
  std::ofstream(requests_) << "precious";
  EXPECT_EQ((*server)->Restore().status().code(), absl::StatusCode::kFailedPrecondition);
  fs::remove(requests_);
  auto second = PipeServer::Create(store_);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*server)->Restore().status().code(), absl::StatusCode::kAlreadyExists);
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_NE(Send(client->get(), second->get()), 0u);
}

TEST_F(PipePosixTest, RegularFileInPlaceOfTheFifoIsRefusedAndKept) {
  std::ofstream(requests_) << "precious";
  ExpectRefused(absl::StatusCode::kFailedPrecondition, requests_.string());
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(fs::file_size(requests_), 8u);
}

TEST_F(PipePosixTest, LinkInPlaceOfTheFifoIsRefused) {
  const fs::path target = dir_.path() / "target";
  ASSERT_EQ(mkfifo(target.c_str(), 0600), 0);
  fs::create_symlink(target, requests_);
  ExpectRefused(absl::StatusCode::kFailedPrecondition, requests_.string());
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(PipePosixTest, FifoWithASecondNameIsRefused) {
  ASSERT_EQ(mkfifo(requests_.c_str(), 0600), 0);
  fs::create_hard_link(requests_, dir_.path() / "second");
  ExpectRefused(absl::StatusCode::kFailedPrecondition, requests_.string());
}

TEST_F(PipePosixTest, FifoOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(mkfifo(requests_.c_str(), 0600), 0);
  ASSERT_EQ(chown(requests_.c_str(), 1, 1), 0);
  ExpectRefused(absl::StatusCode::kPermissionDenied, requests_.string());
}

TEST_F(PipePosixTest, LinkInPlaceOfAReplyFifoIsNotWrittenTo) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  const fs::path target = dir_.path() / "target";
  std::ofstream(target) << "precious";
  fs::create_symlink(target, dir_.path() / absl::StrCat(store_, ".reply.00000000000000ff"));
  EXPECT_EQ((*server)->Answer(0xff, "answer", kLong).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(fs::file_size(target), 8u);
}

TEST_F(PipePosixTest, ReplyFifosOfTheDeadAreRemovedAndOthersKept) {
  const std::string mine = absl::StrCat(store_, ".reply.");
  const std::vector<std::string> kept = {mine + "short", mine + "00000000000000zz",
                                         store_ + "x.reply.0000000000000001"};
  ASSERT_EQ(mkfifo((dir_.path() / (mine + "0123456789abcdef")).c_str(), 0600), 0);
  for (const std::string& file : kept) {
    ASSERT_EQ(mkfifo((dir_.path() / file).c_str(), 0600), 0);
  }
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Files(),
              ::testing::UnorderedElementsAre(kept[0], kept[1], kept[2], store_ + ".requests"));
}

TEST_F(PipePosixTest, WhereOneClientIsDeadOthersAreLookedForAndTheYoungSpared) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  auto living = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(living.ok()) << living.status();
  const auto fifo = [this](absl::string_view session) {
    return dir_.path() / absl::StrCat(store_, ".reply.", session);
  };
  const fs::path dead = fifo("0000000000000001"), old = fifo("0000000000000002"),
                 young = fifo("0000000000000003");
  for (const fs::path& path : {dead, old, young}) ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  for (const std::string& file : Files()) {
    const fs::path path = dir_.path() / file;
    if (path != young) fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(1));
  }

  EXPECT_EQ((*server)->Answer(1, "answer", kLong).code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE((*server)->Receive(absl::ZeroDuration()).ok());
  EXPECT_FALSE(fs::exists(dead) || fs::exists(old));
  EXPECT_TRUE(fs::exists(young)) << "its client may be about to open it";
  const uint64_t reply_to = Send(living->get(), server->get());
  ASSERT_TRUE((*server)->Answer(reply_to, "answer", kLong).ok());
  EXPECT_EQ((*living)->Receive(kLong).value(), "answer");
}

TEST_F(PipePosixTest, SendWaitsForRoomNoLongerThanItsTimeout) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  absl::Status sent;
  for (int i = 0; i < 1000 && sent.ok(); ++i) {
    sent = (*client)->Send(std::string(kMaxRequestBytes, 'r'), absl::Milliseconds(20));
  }
  EXPECT_EQ(sent.code(), absl::StatusCode::kDeadlineExceeded) << sent;
}

// What the process does about SIGPIPE is its own affair: by default it would die here.
TEST_F(PipePosixTest, NeitherEndRaisesSigpipe) {
  signal(SIGPIPE, SIG_DFL);
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  auto client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  // An answer half taken, its client gone.
  const uint64_t reply_to = Send(client->get(), server->get());
  ASSERT_TRUE(
      (*server)->Answer(reply_to, std::string(1 << 20, 'a'), absl::InfiniteDuration()).ok());
  client->reset();
  (*server)->Drain();
  // A request to a daemon that is gone.
  client = PipeClient::Connect(store_, kLong);
  ASSERT_TRUE(client.ok()) << client.status();
  server->reset();
  EXPECT_EQ((*client)->Send("request", kLong).code(), absl::StatusCode::kUnavailable);
}

TEST_F(PipePosixTest, ClientWhoseReplyFifoIsRemovedBeforeItAsksMakesAnother) {
  const auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  // Removes reply FIFOs at once, as a daemon that starts does with those that have no reader yet.
  std::atomic<bool> stop{false};
  std::thread removing([this, &stop] {
    while (!stop) {
      for (const std::string& file : Files()) {
        if (dir_.path() / file != requests_) unlink((dir_.path() / file).c_str());
      }
    }
  });
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    const absl::Status status = PipeClient::Connect(store_, kLong).status();
    EXPECT_TRUE(status.ok()) << i << ": " << status;
  }
  stop = true;
  removing.join();
}

}  // namespace
}  // namespace cubby::os
