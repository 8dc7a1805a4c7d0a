// How a cubbyd tells the program that started it that it serves.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace cubby {
namespace {

using ::testing::HasSubstr;

class ReadinessTest : public test::ServerFixture {
 protected:
  // Starts cubbyd by a shell that adds `rest`, options and redirections, to its command line.
  std::unique_ptr<test::Subprocess> Launch(const std::string& rest,
                                           const test::SubprocessOptions& options = {}) const {
    auto daemon =
        test::Subprocess::Start({"/bin/sh", "-c", absl::StrCat("exec \"$0\" --store \"$1\" ", rest),
                                 test::ProgramPath("cubbyd"), store()},
                                options);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    return daemon.ok() ? *std::move(daemon) : nullptr;
  }
  void ExpectServingUntilInterrupted(test::Subprocess* daemon) const {
    EXPECT_EQ(Cubby({"ping", "--wait", "60s"}).exit_code, 0);
    daemon->Interrupt();
    const test::ExitResult ended = daemon->Wait(test::kLong);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
  }
};

TEST_F(ReadinessTest, DescriptorGetsALineOnceTheStoreIsServed) {
  auto daemon = Launch("--ready-fd 5 5>&1 1>/dev/null");
  ASSERT_TRUE(daemon);
  ASSERT_TRUE(daemon->WaitForOutput("ready\n", test::kLong).ok());
  EXPECT_EQ(Cubby({"put", "k", "v"}).exit_code, 0);
  EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(absl::StrCat("/proc/", daemon->pid(), "/fd/5")))
      << "it is closed";
  ExpectServingUntilInterrupted(daemon.get());
}

TEST_F(ReadinessTest, DescriptorMayBeAStandardStreamWhichStaysOpen) {
  auto daemon = Launch("--ready-fd 2");
  ASSERT_TRUE(daemon);
  ASSERT_TRUE(daemon->WaitForError("\nready\n", test::kLong).ok());
  daemon->Interrupt();
  EXPECT_THAT(daemon->Wait(test::kLong).err, HasSubstr("stopped"));
}

TEST_F(ReadinessTest, DescriptorThatCannotBeWrittenToIsAUsageError) {
  for (const char* rest :
       {"--ready-fd 9", "--ready-fd 5 5</dev/null", "--ready-fd -1", "--ready-fd x",
        "--ready-fd ''", "--ready-fd 0 0<&-", "--ready-fd 1 1>&-"}) {
    auto daemon = Launch(rest);
    ASSERT_TRUE(daemon);
    const test::ExitResult ended = daemon->Wait(test::kLong);
    EXPECT_EQ(ended.exit_code, 2) << rest << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("bad --ready-fd"));
  }
}

TEST_F(ReadinessTest, BadDescriptorIsNamedAsItWasGiven) {
  test::SubprocessOptions options;
  options.environment = {{"CUBBYD_READY_FD", "77"}};
  auto daemon = Launch("", options);
  ASSERT_TRUE(daemon);
  const test::ExitResult ended = daemon->Wait(test::kLong);
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("bad CUBBYD_READY_FD '77'"));
}

TEST_F(ReadinessTest, TooLongNameOfTheServiceManagerIsNamedWithTheLimit) {
  const struct {
    std::string name;
    const char* told;
  } cases[] = {
      {"/" + std::string(107, 'a'),
       "NOTIFY_SOCKET is too long: it has 108 bytes, the limit is 107"},
      {"@" + std::string(108, 'a'),
       "NOTIFY_SOCKET is too long: it has 109 bytes, the limit is 108"},
      {"/" + std::string(106, 'a'), "cannot send READY=1 to NOTIFY_SOCKET"},
      {"@" + std::string(107, 'a'), "cannot send READY=1 to NOTIFY_SOCKET"},
  };
  for (const auto& c : cases) {
    test::SubprocessOptions options;
    options.environment = {{"NOTIFY_SOCKET", c.name}};
    auto daemon = Launch("", options);
    ASSERT_TRUE(daemon);
    EXPECT_TRUE(daemon->WaitForError(c.told, test::kLong).ok()) << c.told;
    ExpectServingUntilInterrupted(daemon.get());
  }
}

TEST_F(ReadinessTest, DescriptorThatNobodyReadsStopsNothing) {
  const std::string fifo = absl::StrCat(std::getenv("CUBBY_RUNTIME_DIR"), "/ready");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  absl::Cleanup remove_fifo = [&fifo] { unlink(fifo.c_str()); };
  const int full = open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(full, 0);
  absl::Cleanup close_full = [full] { close(full); };
  const std::string some(4096, 'x');
  while (write(full, some.data(), some.size()) > 0) {
  }
  auto daemon = Launch(absl::StrCat("--ready-fd 5 5>", fifo));
  ASSERT_TRUE(daemon);
  EXPECT_TRUE(daemon->WaitForError("cannot write to descriptor 5", test::kLong).ok());
  ExpectServingUntilInterrupted(daemon.get());
}

// A service manager's end.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name) {
    struct sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const struct sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + name.size())),
              0);
    const struct timeval patience = {60, 0};
    EXPECT_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  std::string Receive() const {
    char bytes[256];
    const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
    return got < 0 ? "nothing came" : std::string(bytes, static_cast<size_t>(got));
  }

 private:
  int fd_;
};

TEST_F(ReadinessTest, ServiceManagerIsTold) {
  const std::string path = absl::StrCat(std::getenv("CUBBY_RUNTIME_DIR"), "/notify");
  absl::Cleanup remove_socket = [&path] { unlink(path.c_str()); };
  for (const std::string& name : {path, absl::StrCat("@cubby-", store())}) {
    const NotifySocket manager(name);
    test::SubprocessOptions options;
    options.environment = {{"NOTIFY_SOCKET", name}};
    auto daemon = Launch("", options);
    ASSERT_TRUE(daemon);
    EXPECT_EQ(manager.Receive(), "READY=1") << name;
    EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
    daemon->Interrupt();
    EXPECT_EQ(manager.Receive(), "STOPPING=1") << name;
    EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
  }
}

TEST_F(ReadinessTest, ServiceManagerIsToldOfASuccessor) {
  const std::string name = absl::StrCat("@cubby-", store());
  const NotifySocket manager(name);
  test::SubprocessOptions options;
  options.environment = {{"NOTIFY_SOCKET", name}};
  auto before = Launch("", options);
  ASSERT_TRUE(before);
  EXPECT_EQ(manager.Receive(), "READY=1");
  auto daemon = Launch("--replace", options);
  ASSERT_TRUE(daemon);
  EXPECT_EQ(before->Wait(test::kLong).exit_code, 0);
  EXPECT_EQ(manager.Receive(), absl::StrCat("MAINPID=", daemon->pid()));
  EXPECT_EQ(manager.Receive(), "READY=1");
  daemon->Interrupt();
  EXPECT_EQ(manager.Receive(), "STOPPING=1") << "of the second, and not of the first";
  EXPECT_EQ(daemon->Wait(test::kLong).exit_code, 0);
}

TEST_F(ReadinessTest, ServiceManagerThatDoesNotListenStopsNothing) {
  for (const char* name : {"/nonexistent/socket", "@nobody", "relative", "vsock:2:1"}) {
    test::SubprocessOptions options;
    options.environment = {{"NOTIFY_SOCKET", name}};
    auto daemon = Launch("", options);
    ASSERT_TRUE(daemon);
    EXPECT_TRUE(daemon->WaitForError("NOTIFY_SOCKET", test::kLong).ok());
    ExpectServingUntilInterrupted(daemon.get());
  }
}

}  // namespace
}  // namespace cubby
