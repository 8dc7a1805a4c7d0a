// A daemon that another one replaces while it runs (server/hand_over.h): what users notice, which
// is nothing, and what is left if either process ends at any step of the hand-over.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lock/seats.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "os/pipe_client.h"
#include "os/pipe_server.h"
#include "proto/control.pb.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "table/layout.h"
#include "tests/server/raw_channel.h"
#include "tests/server/server_fixture.h"
#include "tests/support/child.h"

namespace cubby {
namespace {

using test::Ask;
using test::FrameOf;
using test::kLong;
using ::testing::AllOf;
using ::testing::HasSubstr;

control::Request Replace(const std::string& store) {
  control::Request request = test::Ping(store);
  request.mutable_replace();
  return request;
}

class ReplaceTest : public test::ServerFixture {
 protected:
  uint64_t PidOfDaemon() {
    const auto admin = Connect();
    if (admin == nullptr) return 0;
    const absl::StatusOr<DaemonInfo> info = admin->Info();
    EXPECT_TRUE(info.ok()) << info.status();
    return info.ok() ? info->pid : 0;
  }
  // Has a thread check the store, which is to be sound.
  std::thread StartCheck() {
    return std::thread([this] {
      const absl::StatusOr<CheckReport> check = Connect()->Check();
      EXPECT_TRUE(check.ok()) << check.status();
    });
  }
  test::ExitResult RunReplacement(std::vector<std::string> flags) {
    flags.emplace_back("--replace");
    return RunDaemon(flags);
  }
};

TEST_F(ReplaceTest, TheNewDaemonServesTheSameStore) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  auto admin = Connect();
  const uint64_t before = PidOfDaemon();
  ASSERT_TRUE(ReplaceDaemon());
  EXPECT_NE(PidOfDaemon(), before);
  EXPECT_TRUE(admin->Ping().ok()) << "through an Admin of before";
  ExpectEntry();
  EXPECT_THAT(StopDaemon().err,
              AllOf(HasSubstr("takes it over from process"), HasSubstr("kept 1 entry,")));
}

TEST_F(ReplaceTest, TheOldDaemonSaysWhyItEnds) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const std::unique_ptr<test::Subprocess> successor = LaunchDaemon({"--replace"});
  ASSERT_NE(successor, nullptr);
  const test::ExitResult ended = daemon()->Wait(kLong);
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("handed over to another cubbyd"));
  ASSERT_TRUE(successor->WaitForError("serving", kLong).ok());
  ExpectEntry();
  ASSERT_TRUE(Connect()->Shutdown().ok());
  EXPECT_EQ(successor->Wait(kLong).exit_code, 0);
}

TEST_F(ReplaceTest, WithoutADaemonItIsAStart) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry({"--replace", "--capacity", "1000"}));
  KillDaemon();
  ASSERT_TRUE(StartDaemon({"--replace"}));
  ExpectEntry();
}

TEST_F(ReplaceTest, RefusedReplacementLeavesTheDaemon) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const uint64_t before = PidOfDaemon();
  const struct {
    std::vector<std::string> flags;
    int exit_code;
    const char* says;
  } cases[] = {
      {{"--capacity", "2000"}, 2, "it exists with --capacity 1000, not 2000"},
      {{"--slot-bytes", "256"}, 2, "--slot-bytes"},
      {{"--mode", "0644"}, 2, "--mode"},
      {{"--fresh"}, 2, "--fresh discards the entries and --replace keeps them"},
      {{"--replace-timeout", "soon"}, 2, "bad --replace-timeout 'soon'"},
      {{"--replace-timeout", "0"}, 2, "bad --replace-timeout '0'"},
      {{"--replace-timeout", "-1s"}, 2, "bad --replace-timeout '-1s'"},
      {{"--replace-timeout", ""}, 2, "bad --replace-timeout ''"},
  };
  for (const auto& test : cases) {
    const test::ExitResult result = RunReplacement(test.flags);
    EXPECT_EQ(result.exit_code, test.exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(test.says));
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  }
  EXPECT_EQ(PidOfDaemon(), before);
  ExpectEntry();
}

TEST_F(ReplaceTest, CheckUnderWayIsFinishedFirst) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const auto stuck = test::StuckWriter::Of(store());
  ASSERT_TRUE(stuck);
  std::thread client = StartCheck();
  stuck->AwaitAnother();
  const std::unique_ptr<test::Subprocess> successor = LaunchDaemon({"--replace"});
  ASSERT_NE(successor, nullptr);
  EXPECT_TRUE(Connect()->Ping().ok()) << "while the two wait";
  stuck->LetGo();
  client.join();
  ASSERT_TRUE(successor->WaitForError("serving", kLong).ok());
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
  ExpectEntry();
  ASSERT_TRUE(Connect()->Shutdown().ok());
  EXPECT_EQ(successor->Wait(kLong).exit_code, 0);
}

TEST_F(ReplaceTest, FlushDuringAHandOverIsAnsweredByTheNewDaemon) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const auto stuck = test::StuckWriter::Of(store());
  ASSERT_TRUE(stuck);
  std::thread client = StartCheck();
  stuck->AwaitAnother();
  // A successor of the test's own, which does not end before the test wants.
  const auto successor = test::ConnectRaw(store());
  ASSERT_TRUE(successor);
  ASSERT_TRUE(successor->Send(FrameOf(Replace(store())), kLong).ok());
  const auto raw = test::ConnectRaw(store());
  ASSERT_TRUE(raw);
  control::Request flush = test::Ping(store());
  flush.mutable_flush();
  const absl::StatusOr<control::Response> put_off = Ask(raw.get(), flush);
  ASSERT_TRUE(put_off.ok()) << put_off.status();
  EXPECT_TRUE(put_off->ask_again());
  EXPECT_EQ(put_off->status_code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_THAT(put_off->status_message(), HasSubstr("is being replaced: try again"));
  const auto second = test::ConnectRaw(store());
  ASSERT_TRUE(second);
  EXPECT_EQ(Ask(second.get(), Replace(store()))->status_code(),
            static_cast<int>(absl::StatusCode::kAlreadyExists));

  std::thread flusher([this] {
    const absl::StatusOr<uint64_t> removed = Connect()->Flush();
    EXPECT_TRUE(removed.ok()) << removed.status();
  });
  EXPECT_TRUE(Connect()->Ping().ok()) << "while all others wait";
  stuck->LetGo();
  client.join();
  EXPECT_EQ(test::ReceiveResponse(successor.get())->response_case(), control::Response::kReplace);
  // The test does not serve it, so the daemon does after a while, and the flush comes to its turn.
  flusher.join();
  EXPECT_FALSE(opened_->Contains("k").value());
}

TEST_F(ReplaceTest, DaemonThatIsBusyForTooLongGoesOn) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const uint64_t before = PidOfDaemon();
  const auto stuck = test::StuckWriter::Of(store());
  ASSERT_TRUE(stuck);
  std::thread client = StartCheck();
  stuck->AwaitAnother();
  const test::ExitResult result = RunReplacement({"--replace-timeout", "100ms"});
  EXPECT_EQ(result.exit_code, 7) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("has not handed it over within 100ms"),
                                HasSubstr("allow more --replace-timeout")));
  stuck->LetGo();
  client.join();
  EXPECT_EQ(PidOfDaemon(), before);
  ExpectEntry();
  ASSERT_TRUE(ReplaceDaemon());
  ExpectEntry();
}

TEST_F(ReplaceTest, NoRequestFailsWhileDaemonsAreReplaced) {
  constexpr int kReplacements = 20;
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> answered{0};
  constexpr int kClients = 3;
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([this, i, &stop, &answered] {
      while (!stop) {
        // As the command does: connected anew.
        const absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store(), kLong);
        ASSERT_TRUE(admin.ok()) << admin.status();
        const absl::Status status = i == 0   ? (*admin)->Ping()
                                    : i == 1 ? (*admin)->Stats().status()
                                             : (*admin)->Check().status();
        ASSERT_TRUE(status.ok()) << i << ": " << status;
        ++answered;
      }
    });
  }
  for (int i = 0; i < kReplacements; ++i) {
    ASSERT_TRUE(ReplaceDaemon()) << i;
    // Some are served by each.
    const uint64_t before = answered;
    const os::Deadline deadline(kLong);
    while (answered < before + 10 && !deadline.Passed() && !HasFailure()) {
      std::this_thread::yield();
    }
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  ExpectEntry();
}

TEST_F(ReplaceTest, DaemonThatDoesNotKnowTheRequestIsNamedWithTheRemedy) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  KillDaemon();
  bool created;
  const auto seats = lock::Seats::OpenForDaemon(store(), 0600, &created);
  ASSERT_TRUE(seats.ok()) << seats.status();
  const auto channel = os::PipeServer::Create(store());
  ASSERT_TRUE(channel.ok()) << channel.status();
  const std::unique_ptr<test::Subprocess> successor = LaunchDaemon({"--replace"});
  ASSERT_NE(successor, nullptr);
  const auto received = (*channel)->Receive(kLong);
  ASSERT_TRUE(received.ok() && received->has_value());
  proto::FrameDecoder decoder;
  decoder.Append((*received)->bytes);
  control::Request request;
  ASSERT_TRUE(request.ParseFromString(decoder.Next().value()));
  EXPECT_TRUE(request.has_replace());
  EXPECT_TRUE(request.has_clock()) << "its deadline is on it";
  control::Response response;
  response.set_protocol(proto::kProtocol);
  response.set_request_id(request.request_id());
  response.set_status_code(static_cast<int>(absl::StatusCode::kUnimplemented));
  ASSERT_TRUE((*channel)
                  ->Answer((*received)->reply_to,
                           proto::EncodeFrames(response.SerializeAsString()).value(), kLong)
                  .ok());
  const test::ExitResult result = successor->Wait(kLong);
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("`cubby shutdown --keep`"));
}

// --- Either process ends at some step. _Exit() does as a kill does: nothing is cleaned up.

constexpr int kStepsOfSuccessor = 5;

// args: store, after which of its steps it ends.
CUBBY_CHILD(Successor) {
  const std::string& store = args[0];
  const int last = std::atoi(args[1].c_str());
  const auto seats = lock::Seats::Open(store);
  const auto mapping = os::Mapping::Open(store, os::Access::kReadWrite);
  const auto pipe = test::ConnectRaw(store);
  if (!seats.ok() || !mapping.ok() || pipe == nullptr) return 1;
  if (!pipe->Send(FrameOf(Replace(store)), kLong).ok()) return 1;
  if (last == 1) std::_Exit(0);
  const auto response = test::ReceiveResponse(pipe.get());
  if (!response.ok() || response->response_case() != control::Response::kReplace) return 2;
  if (last == 2) std::_Exit(0);
  if (!(*seats)->Claim(lock::kDaemonSeat).value()) return 3;
  if (last == 3) std::_Exit(0);
  if (!(*seats)->IsHeld(lock::kHandOverSeat)) return 4;
  const auto channel = os::PipeServer::Join(store);
  if (!channel.ok()) return 5;
  if (last == 4) std::_Exit(0);
  reinterpret_cast<table::FixedPart*>(mapping->data())->state.daemon_pid.store(1);
  // Once the daemon has left, as its closed channel tells.
  while (pipe->Receive(kLong).ok()) {
  }
  while ((*seats)->IsHeld(lock::kHandOverSeat)) absl::SleepFor(absl::Milliseconds(1));
  std::_Exit(0);
}

class SuccessorDiesTest : public ReplaceTest, public ::testing::WithParamInterface<int> {};

TEST_P(SuccessorDiesTest, TheDaemonGoesOnOrTheNextOneStarts) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const uint64_t before = PidOfDaemon();
  const auto successor = StartUser("Successor", {absl::StrCat(GetParam())});
  ASSERT_NE(successor, nullptr);
  const test::ExitResult died = successor->Wait(kLong);
  ASSERT_EQ(died.exit_code, 0) << died.err;
  if (GetParam() < kStepsOfSuccessor) {
    EXPECT_EQ(PidOfDaemon(), before);
    ExpectEntry();
    EXPECT_TRUE(daemon()->Running());
    ASSERT_TRUE(ReplaceDaemon());
  } else {
    EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
    EXPECT_TRUE(opened_->Put("k", "v").ok()) << "without a daemon";
    ASSERT_TRUE(StartDaemon());
  }
  ExpectEntry();
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, SuccessorDiesTest, ::testing::Range(1, kStepsOfSuccessor + 1));

constexpr int kStepsOfPredecessor = 6;

// args: store, after which of its steps it ends. Says that it is ready once it serves.
CUBBY_CHILD(Predecessor) {
  const std::string& store = args[0];
  const int last = std::atoi(args[1].c_str());
  bool created;
  const auto seats = lock::Seats::OpenForDaemon(store, 0600, &created);
  const auto mapping = os::Mapping::Open(store, os::Access::kReadWrite);
  const auto channel = os::PipeServer::Create(store);
  if (!seats.ok() || !mapping.ok() || !channel.ok()) return 1;
  auto& pid = reinterpret_cast<table::FixedPart*>(mapping->data())->state.daemon_pid;
  pid.store(1);
  test::ReportReady();
  const auto received = (*channel)->Receive(kLong);
  if (!received.ok() || !received->has_value()) return 2;
  proto::FrameDecoder decoder;
  decoder.Append((*received)->bytes);
  control::Request request;
  if (!request.ParseFromString(decoder.Next().value()) || !request.has_replace()) return 3;
  if (last == 1) std::_Exit(0);
  (*channel)->Pause();
  if (!(*seats)->Claim(lock::kHandOverSeat).value()) return 4;
  if (last == 2) std::_Exit(0);
  if (!(*seats)->Release(lock::kDaemonSeat).ok()) return 5;
  if (last == 3) std::_Exit(0);
  control::Response response;
  response.set_protocol(proto::kProtocol);
  response.set_request_id(request.request_id());
  response.mutable_replace();
  const std::string frames = proto::EncodeFrames(response.SerializeAsString()).value();
  if (!(*channel)->Answer((*received)->reply_to, frames, kLong).ok()) return 6;
  if (last == 4) std::_Exit(0);
  while (!(*seats)->IsHeld(lock::kDaemonSeat)) absl::SleepFor(absl::Milliseconds(1));
  if (last == 5) std::_Exit(0);
  while (pid.load() == 1) absl::SleepFor(absl::Milliseconds(1));
  std::_Exit(0);
}

class PredecessorDiesTest : public ReplaceTest, public ::testing::WithParamInterface<int> {};

TEST_P(PredecessorDiesTest, TheNewDaemonServes) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  KillDaemon();
  const auto predecessor = StartUser("Predecessor", {absl::StrCat(GetParam())});
  ASSERT_NE(predecessor, nullptr);
  ASSERT_TRUE(test::WaitUntilReady(*predecessor).ok());
  ASSERT_TRUE(StartDaemon({"--replace"}));
  const test::ExitResult died = predecessor->Wait(kLong);
  EXPECT_EQ(died.exit_code, 0) << died.err;
  EXPECT_EQ(PidOfDaemon(), daemon()->pid());
  ExpectEntry();
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, PredecessorDiesTest,
                         ::testing::Range(1, kStepsOfPredecessor + 1));

TEST_F(ReplaceTest, DaemonLeavesNothingToAStartThatIsNoSuccessor) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  KillDaemon();
  bool created;
  const auto seats = lock::Seats::OpenForDaemon(store(), 0600, &created);
  ASSERT_TRUE(seats.ok()) << seats.status();
  ASSERT_TRUE((*seats)->Claim(lock::kHandOverSeat).value());
  ASSERT_TRUE((*seats)->Release(lock::kDaemonSeat).ok());
  const test::ExitResult other = RunDaemon({});
  EXPECT_EQ(other.exit_code, 1) << other.err;
  EXPECT_THAT(other.err, HasSubstr("already has a daemon"));
  EXPECT_TRUE((*seats)->Claim(lock::kDaemonSeat).value()) << "the daemon can go on";
}

}  // namespace
}  // namespace cubby
