// Who may make, and who may open, the pipe of a store's name.
#include <windows.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "os/pipe_client.h"
#include "os/pipe_server.h"
#include "os/security_win.h"
#include "tests/support/subprocess.h"

namespace cubby::os {
namespace {

using ::testing::HasSubstr;

class PipeWinTest : public ::testing::Test {
 protected:
  PipeWinTest()
      : store_(test::UniqueStoreName("pipe")), name_(absl::StrCat("\\\\.\\pipe\\cubby.", store_)) {}

  // A pipe of that name that Create() did not make.
  HANDLE Squat(const std::string& name) {
    return CreateNamedPipeA(name.c_str(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 4, 4096, 4096, 0,
                            nullptr);
  }

  const std::string store_;
  const std::string name_;
};

TEST_F(PipeWinTest, SquattedNameIsRefusedNamingIt) {
  const HANDLE squatter = Squat(name_);
  ASSERT_NE(squatter, INVALID_HANDLE_VALUE);
  absl::Cleanup close = [squatter] { CloseHandle(squatter); };
  const absl::Status status = PipeServer::Create(store_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(name_));
}

TEST_F(PipeWinTest, NobodyElseCanClaimToBeTheFirstInstance) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(CreateNamedPipeA(name_.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
                             PIPE_TYPE_MESSAGE, 4, 4096, 4096, 0, nullptr),
            INVALID_HANDLE_VALUE);
}

TEST_F(PipeWinTest, ServerThatHasJoinedTakesAllInstances) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Pause();
  auto joined = PipeServer::Join(store_);
  ASSERT_TRUE(joined.ok()) << joined.status();
  (*server)->Leave();
  server->reset();
  EXPECT_EQ((*joined)->Restore().value(), "") << "nothing was lost";
  EXPECT_EQ(Squat(name_), INVALID_HANDLE_VALUE);
}

TEST_F(PipeWinTest, ServerThatGoesOnTakesAllInstancesAgain) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Pause();
  ASSERT_TRUE(PipeServer::Join(store_).ok());
  (*server)->Resume();
  EXPECT_EQ((*server)->Restore().value(), "");
  EXPECT_EQ(Squat(name_), INVALID_HANDLE_VALUE);
}

TEST_F(PipeWinTest, ClientThatIsDisconnectedBeforeItAsksConnectsAgain) {
  auto security = Security::FromMode(0600, FILE_GENERIC_READ, FILE_GENERIC_WRITE);
  ASSERT_TRUE(security.ok()) << security.status();
  const HANDLE server = CreateNamedPipeA(name_.c_str(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 1,
                                         4096, 4096, 0, security->attributes());
  ASSERT_NE(server, INVALID_HANDLE_VALUE);
  absl::Cleanup close = [server] { CloseHandle(server); };
  // Disconnects each client at once, as a daemon does that stops listening just then.
  std::atomic<bool> stop{false};
  std::atomic<bool> stopped{false};
  std::thread disconnecting([server, &stop, &stopped] {
    while (!stop) {
      ConnectNamedPipe(server, nullptr);
      DisconnectNamedPipe(server);
    }
    stopped = true;
  });
  for (int i = 0; i < 300 && !HasFailure(); ++i) {
    const absl::Status status = PipeClient::Connect(store_, absl::Seconds(60)).status();
    EXPECT_TRUE(status.ok()) << i << ": " << status;
  }
  stop = true;
  // Ends its last wait.
  while (!stopped) PipeClient::Connect(store_, absl::Milliseconds(50)).status().IgnoreError();
  disconnecting.join();
}

TEST_F(PipeWinTest, ClientsBeyondTheLimitWaitNoLongerThanTheirTimeout) {
  auto server = PipeServer::Create(store_);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<std::unique_ptr<PipeClient>> clients;
  absl::Status status;
  while (clients.size() < 1000) {
    auto client = PipeClient::Connect(store_, absl::Milliseconds(50));
    status = client.status();
    if (!client.ok()) break;
    clients.push_back(*std::move(client));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  // One that leaves makes room for another.
  clients.pop_back();
  const os::Deadline deadline(absl::Seconds(60));
  do {
    ASSERT_TRUE((*server)->Receive(absl::Milliseconds(50)).ok());
    status = PipeClient::Connect(store_, absl::Milliseconds(50)).status();
  } while (absl::IsDeadlineExceeded(status) && !deadline.Passed());
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace cubby::os
