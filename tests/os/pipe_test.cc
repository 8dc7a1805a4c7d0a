// What both systems' pipes promise. What is particular to one is tested in pipe_posix_test.cc and
// pipe_win_test.cc.
#include "os/pipe.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "os/pipe_client.h"
#include "os/pipe_server.h"
#include "tests/support/child.h"
#include "tests/support/runtime_dir.h"

namespace cubby::os {
namespace {

using ::testing::HasSubstr;

// Only a failing test waits this long.
constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Milliseconds(50);

absl::StatusOr<PipeServer::Request> ReceiveOne(PipeServer* server) {
  absl::StatusOr<absl::optional<PipeServer::Request>> request = server->Receive(kLong);
  if (!request.ok()) return request.status();
  if (!request->has_value()) return absl::DeadlineExceededError("no request came");
  return **request;
}

// All of an answer whose length is known.
absl::StatusOr<std::string> ReceiveAll(PipeClient* client, size_t bytes) {
  std::string answer;
  while (answer.size() < bytes) {
    absl::StatusOr<std::string> some = client->Receive(kLong);
    if (!some.ok()) return some.status();
    answer += *some;
  }
  return answer;
}

// A daemon that answers each request with itself, in a thread, until it is destroyed.
class EchoServer {
 public:
  explicit EchoServer(PipeServer* server) : server_(server), thread_([this] { Serve(); }) {}
  ~EchoServer() {
    stop_ = true;
    server_->Wake();
    thread_.join();
  }

 private:
  void Serve() {
    while (!stop_) {
      auto request = server_->Receive(kLong);
      ASSERT_TRUE(request.ok()) << request.status();
      if (!request->has_value()) continue;
      absl::Status answered = server_->Answer((*request)->reply_to, (*request)->bytes, kLong);
      EXPECT_TRUE(answered.ok()) << answered;
    }
  }

  PipeServer* const server_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class PipeTest : public ::testing::Test {
 protected:
  PipeTest() : store_(test::UniqueStoreName("pipe")) {}

  std::unique_ptr<PipeServer> MakeServer() {
    auto server = PipeServer::Create(store_);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  std::unique_ptr<PipeClient> MakeClient() {
    auto client = PipeClient::Connect(store_, kLong);
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? *std::move(client) : nullptr;
  }

  const test::RuntimeDir dir_;
  const std::string store_;
};

TEST_F(PipeTest, RequestArrivesAndAnswerComesBack) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("how are you?", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->bytes, "how are you?");
  ASSERT_TRUE(server->Answer(request->reply_to, "fine", kLong).ok());
  EXPECT_EQ(client->Receive(kLong).value(), "fine");
}

TEST_F(PipeTest, LargestRequestArrivesWhole) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  const std::string largest(kMaxRequestBytes, 'r');
  ASSERT_TRUE(client->Send(largest, kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->bytes, largest);
}

TEST_F(PipeTest, LongAnswerArrivesWholeWhileTheServerReceives) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("request", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  const std::string answer(1 << 20, 'a');
  ASSERT_TRUE(server->Answer(request->reply_to, answer, kLong).ok());
  EchoServer serving(server.get());
  auto received = ReceiveAll(client.get(), answer.size());
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_TRUE(*received == answer);
}

TEST_F(PipeTest, AnswersMayComeLaterAndInAnotherOrder) {
  auto server = MakeServer();
  auto slow = MakeClient(), quick = MakeClient();
  ASSERT_TRUE(server && slow && quick);
  ASSERT_TRUE(slow->Send("slow", kLong).ok());
  auto first = ReceiveOne(server.get());
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(quick->Send("quick", kLong).ok());
  auto second = ReceiveOne(server.get());
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_NE(first->reply_to, second->reply_to);
  ASSERT_TRUE(server->Answer(second->reply_to, second->bytes, kLong).ok());
  EXPECT_EQ(quick->Receive(kLong).value(), "quick");
  ASSERT_TRUE(server->Receive(kShort).ok());
  ASSERT_TRUE(server->Answer(first->reply_to, first->bytes, kLong).ok());
  EXPECT_EQ(slow->Receive(kLong).value(), "slow");
}

TEST_F(PipeTest, ClientWhoseRequestIsDismissedMaySendAnother) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("nonsense", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  server->Dismiss(request->reply_to);
  ASSERT_TRUE(client->Send("sense", kLong).ok());
  request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->bytes, "sense");
  ASSERT_TRUE(server->Answer(request->reply_to, "yes", kLong).ok());
  EXPECT_EQ(client->Receive(kLong).value(), "yes");
}

TEST_F(PipeTest, RequestsOfManyClientsDoNotMix) {
  auto server = MakeServer();
  ASSERT_TRUE(server);
  EchoServer serving(server.get());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 100; ++i) {
        auto client = MakeClient();
        ASSERT_TRUE(client);
        const std::string sent = absl::StrCat(std::string(size_t{40} * i, 'a' + t), i, ";");
        ASSERT_TRUE(client->Send(sent, kLong).ok());
        auto received = ReceiveAll(client.get(), sent.size());
        ASSERT_TRUE(received.ok()) << received.status();
        ASSERT_EQ(*received, sent);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PipeTest, ReceiveTimesOut) {
  auto server = MakeServer();
  ASSERT_TRUE(server);
  auto request = server->Receive(kShort);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->has_value());
}

TEST_F(PipeTest, WakeEndsReceiveEvenIfItCameBefore) {
  auto server = MakeServer();
  ASSERT_TRUE(server);
  server->Wake();
  auto request = server->Receive(absl::InfiniteDuration());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->has_value());
  std::thread waker([&server] { server->Wake(); });
  request = server->Receive(absl::InfiniteDuration());
  waker.join();
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_FALSE(request->has_value());
}

TEST_F(PipeTest, NoDaemonIsToldAtOnce) {
  const absl::Status status = PipeClient::Connect(store_, absl::InfiniteDuration()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has no daemon"));
}

TEST_F(PipeTest, ClientWaitsForItsAnswerNoLongerThanItsTimeout) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  EXPECT_EQ(client->Receive(kShort).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PipeTest, DaemonThatEndsIsToldToAWaitingClient) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("request", kLong).ok());
  ASSERT_TRUE(ReceiveOne(server.get()).ok());
  std::thread ender([&server] { server.reset(); });
  EXPECT_EQ(client->Receive(kLong).status().code(), absl::StatusCode::kUnavailable);
  ender.join();
  EXPECT_EQ(client->Send("another", kLong).code(), absl::StatusCode::kUnavailable);
}

TEST_F(PipeTest, AnswerIsReceivedAfterTheDaemonEnded) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("request", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_TRUE(server->Answer(request->reply_to, "last words", kLong).ok());
  server->Drain();
  server.reset();
  auto answer = client->Receive(kLong);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "last words");
  EXPECT_EQ(client->Receive(kLong).status().code(), absl::StatusCode::kUnavailable);
}

CUBBY_CHILD(ServesPipe) {
  auto server = PipeServer::Create(args[0]);
  if (!server.ok()) return 1;
  test::ReportReady();
  test::WaitForInputEnd();
  return 0;
}

TEST_F(PipeTest, ClientOfAKilledDaemonIsToldAtOnce) {
  auto daemon = test::StartChild("ServesPipe", {store_});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE(test::WaitUntilReady(**daemon).ok());
  auto client = MakeClient();
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->Send("request", kLong).ok());
  (*daemon)->Kill();
  EXPECT_EQ(client->Receive(kLong).status().code(), absl::StatusCode::kUnavailable);
  client.reset();
  (*daemon)->Wait(kLong);
  EXPECT_EQ(PipeClient::Connect(store_, kLong).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(PipeTest, KilledDaemonsChannelIsReplaced) {
  auto daemon = test::StartChild("ServesPipe", {store_});
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE(test::WaitUntilReady(**daemon).ok());
  auto client = MakeClient();
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->Send("to the killed daemon", kLong).ok());
  (*daemon)->Kill();
  (*daemon)->Wait(kLong);
  client.reset();

  auto server = MakeServer();
  client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("to the new daemon", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->bytes, "to the new daemon");
}

TEST_F(PipeTest, ClientThatVanishesIsNoTroubleToOthers) {
  auto server = MakeServer();
  auto vanishing = MakeClient();
  ASSERT_TRUE(server && vanishing);
  ASSERT_TRUE(vanishing->Send("request", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  vanishing.reset();
  const absl::Status answered = server->Answer(request->reply_to, std::string(1 << 20, 'a'), kLong);
  EXPECT_TRUE(answered.ok() || absl::IsUnavailable(answered)) << answered;
  server->Drain();

  EchoServer serving(server.get());
  auto client = MakeClient();
  ASSERT_TRUE(client);
  const std::string sent = "still there?";
  ASSERT_TRUE(client->Send(sent, kLong).ok());
  EXPECT_EQ(ReceiveAll(client.get(), sent.size()).value(), sent);
}

TEST_F(PipeTest, ClientThatVanishesAmidItsAnswerIsDropped) {
  auto server = MakeServer();
  auto vanishing = MakeClient();
  ASSERT_TRUE(server && vanishing);
  ASSERT_TRUE(vanishing->Send("request", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_TRUE(
      server->Answer(request->reply_to, std::string(1 << 20, 'a'), absl::InfiniteDuration()).ok());
  ASSERT_TRUE(vanishing->Receive(kLong).ok());
  vanishing.reset();
  server->Drain();  // returns, though the answer has no deadline
}

TEST_F(PipeTest, ClientThatNeverReadsIsDroppedAtItsDeadline) {
  auto server = MakeServer();
  auto lazy = MakeClient();
  ASSERT_TRUE(server && lazy);
  ASSERT_TRUE(lazy->Send("request", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  const std::string answer(1 << 20, 'a');
  ASSERT_TRUE(server->Answer(request->reply_to, answer, kShort).ok());

  // Others are served meanwhile.
  {
    EchoServer serving(server.get());
    auto client = MakeClient();
    ASSERT_TRUE(client);
    const std::string sent = "me too";
    ASSERT_TRUE(client->Send(sent, kLong).ok());
    EXPECT_EQ(ReceiveAll(client.get(), sent.size()).value(), sent);
  }
  server->Drain();
  EXPECT_EQ(ReceiveAll(lazy.get(), answer.size()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(PipeTest, WithdrawnChannelTakesNobodyInButAnswersWhoIsThere) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  ASSERT_TRUE(client->Send("shut down", kLong).ok());
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  server->Withdraw();
  EXPECT_FALSE(PipeClient::Connect(store_, kShort).ok());
  ASSERT_TRUE(server->Answer(request->reply_to, "done", kLong).ok());
  server->Drain();
  EXPECT_EQ(client->Receive(kLong).value(), "done");
}

TEST_F(PipeTest, RequestsToAPausedServerWait) {
  auto server = MakeServer();
  auto client = MakeClient();
  ASSERT_TRUE(server && client);
  server->Pause();
  ASSERT_TRUE(client->Send("request", kLong).ok());
  auto paused = server->Receive(kShort);
  ASSERT_TRUE(paused.ok()) << paused.status();
  EXPECT_FALSE(paused->has_value());
  server->Resume();
  auto request = ReceiveOne(server.get());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->bytes, "request");
}

TEST_F(PipeTest, ChannelGoesOverToTheServerThatJoinsIt) {
  auto server = MakeServer();
  auto before = MakeClient();
  ASSERT_TRUE(server && before);
  server->Pause();
  ASSERT_TRUE(before->Send("before", kLong).ok());
  auto joined = PipeServer::Join(store_);
  ASSERT_TRUE(joined.ok()) << joined.status();
  server->Leave();
  auto after = MakeClient();
  ASSERT_TRUE(after);
  ASSERT_TRUE(after->Send("after", kLong).ok());

  // Which of the two has the first request depends on the system.
  int answered = 0;
  for (PipeServer* const each : {server.get(), joined->get()}) {
    auto request = each->Receive(each == server.get() ? kShort : kLong);
    while (request.ok() && request->has_value()) {
      EXPECT_TRUE(each == joined->get() || (*request)->bytes == "before") << (*request)->bytes;
      EXPECT_TRUE(each->Answer((*request)->reply_to, (*request)->bytes, kLong).ok());
      request = ++answered == 2 ? absl::nullopt : each->Receive(kShort);
    }
  }
  EXPECT_EQ(before->Receive(kLong).value(), "before");
  EXPECT_EQ(after->Receive(kLong).value(), "after");
  before.reset();
  while (server->HasClients()) ASSERT_TRUE(server->Receive(kShort).ok());
  server.reset();
  EXPECT_TRUE(MakeClient()) << "the name is the other server's now";
  joined->reset();
  EXPECT_FALSE(PipeClient::Connect(store_, kShort).ok());
}

TEST_F(PipeTest, ServerThatJoinsMakesAChannelThatIsGone) {
  auto joined = PipeServer::Join(store_);
  ASSERT_TRUE(joined.ok()) << joined.status();
  auto client = MakeClient();
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->Send("request", kLong).ok());
  EXPECT_EQ(ReceiveOne(joined->get()).value().bytes, "request");
}

}  // namespace
}  // namespace cubby::os
