// Very many clients of the control channel, most of whom do not behave: the daemon answers those
// who do, and has afterwards no more descriptors and memory than before.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "client/admin.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "os/pipe.h"
#include "os/pipe_client.h"
#include "tests/server/raw_channel.h"
#include "tests/server/server_fixture.h"
#include "tests/support/child.h"
#include "tests/support/torture.h"
#include "tests/torture/process_meter.h"

namespace cubby {
namespace {

using test::FrameOf;
using test::kLong;
using test::Ping;

// For a thousand clients at once on a machine that has other work; short of CTest's patience.
constexpr absl::Duration kAllAtOnce = absl::Seconds(240);

// What an allocator keeps of a few hundred requests and may not have needed before.
constexpr uint64_t kMayGrow = 1 << 20;
constexpr int kProcesses = 10;
// Every one of these has more answers to take than a pipe holds, and takes none. More on Linux than
// the daemon has patience for (os/pipe_server_posix.cc); on Windows, each occupies one of 16
// instances.
constexpr int kLazy = CUBBY_LAZY;

// args: store, how many. So many threads ask at once when the input ends; prints how many had their
// answer, and how long the last of them waited, in ms.
CUBBY_CHILD(ClientsAtOnce) {
  int clients = 0;
  if (!absl::SimpleAtoi(args[1], &clients)) return 2;
  std::atomic<bool> go{false};
  std::atomic<int> waiting{0}, answered{0};
  std::atomic<int64_t> longest_ms{0};
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(clients));
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back([&] {
      ++waiting;
      while (!go) absl::SleepFor(absl::Milliseconds(1));
      const absl::Time asked = absl::Now();
      auto admin = Admin::Connect(args[0], kAllAtOnce);
      const absl::Status status = admin.ok() ? (*admin)->Ping() : admin.status();
      if (status.ok()) {
        ++answered;
      } else {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
      }
      const int64_t took = absl::ToInt64Milliseconds(absl::Now() - asked);
      int64_t longest = longest_ms;
      while (took > longest && !longest_ms.compare_exchange_weak(longest, took)) {
      }
    });
  }
  while (waiting != clients) absl::SleepFor(absl::Milliseconds(1));
  test::ReportReady();
  test::WaitForInputEnd();
  go = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("answered %d longest %d\n", answered.load(), static_cast<int>(longest_ms));
  return 0;
}

class ControlStormTest : public test::ServerFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "1000"})); }

  // One client of the kind `i`, come and gone.
  void ComeAndGo(uint64_t i) {
    const std::unique_ptr<os::PipeClient> client = test::ConnectRaw(store());
    ASSERT_NE(client, nullptr);
    const std::string frame = FrameOf(Ping(store()));
    absl::Status sent;
    switch (i % 6) {
      case 0:  // says nothing
        break;
      case 1:
        sent = client->Send(frame.substr(0, frame.size() / 2), kLong);
        break;
      case 2:
        sent = client->Send(std::string(os::kMaxRequestBytes, static_cast<char>(i)), kLong);
        break;
      case 3:  // does not wait for its answer
        sent = client->Send(frame, kLong);
        break;
      case 4:  // asks twice for one answer
        sent = client->Send(frame + frame, kLong);
        break;
      default: {
        const auto response = test::Ask(client.get(), Ping(store()));
        ASSERT_TRUE(response.ok()) << response.status() << " after " << i << " others";
        EXPECT_EQ(response->status_code(), 0);
      }
    }
    ASSERT_TRUE(sent.ok()) << sent << " after " << i << " others";
  }

  // Asks, and never reads. Where a client's next request waits for its last answer, not all of them
  // are taken.
  std::unique_ptr<os::PipeClient> BeLazy() {
    std::unique_ptr<os::PipeClient> client = test::ConnectRaw(store());
    if (client == nullptr) return nullptr;
    control::Request request = Ping(store());
    request.mutable_info();
    std::string many;
    while (many.size() + FrameOf(request).size() <= os::kMaxRequestBytes) many += FrameOf(request);
    absl::Status sent;
    for (int i = 0; i < 6 && sent.ok(); ++i) sent = client->Send(many, absl::Milliseconds(100));
    return client;
  }

  // Waits until the daemon has no more handles than `before`.
  void AwaitHandles(absl::optional<uint64_t> before) {
    if (!before.has_value()) return;
    const os::Deadline deadline(kLong);
    absl::optional<uint64_t> now;
    while ((now = test::OpenHandles(daemon()->pid())) > before) {
      ASSERT_FALSE(deadline.Passed()) << *now << " and at first " << *before;
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
};

TEST_F(ControlStormTest, WhoComesAndGoesLeavesNothing) {
  const uint64_t connects = test::Amount(CUBBY_CONNECTS, 10'000);
  for (uint64_t i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(ComeAndGo(i));
  ASSERT_TRUE(Connect()->Ping().ok());
  const absl::optional<uint64_t> handles = test::OpenHandles(daemon()->pid());
  const absl::optional<uint64_t> bytes = test::OwnBytes(daemon()->pid());

  absl::Duration longest;
  {
    std::vector<std::unique_ptr<os::PipeClient>> lazy;
    for (int i = 0; i < kLazy; ++i) {
      lazy.push_back(BeLazy());
      ASSERT_NE(lazy.back(), nullptr);
    }
    for (uint64_t i = 0; i < connects; ++i) {
      ASSERT_NO_FATAL_FAILURE(ComeAndGo(i));
      if (i % 100 != 0) continue;
      const absl::Time asked = absl::Now();
      ASSERT_TRUE(Connect()->Ping().ok());
      longest = std::max(longest, absl::Now() - asked);
    }
  }
  // Within a second on an idle machine.
  EXPECT_LT(longest, absl::Seconds(static_cast<double>(test::Amount(60, 1))));
  ASSERT_NO_FATAL_FAILURE(AwaitHandles(handles));
  std::string grew = "not told";
  const absl::optional<uint64_t> bytes_after = test::OwnBytes(daemon()->pid());
  if (bytes.has_value() && bytes_after.has_value()) {
    EXPECT_LE(*bytes_after, *bytes + kMayGrow);
    grew = absl::StrCat(*bytes / 1024, " to ", *bytes_after / 1024);
  }
  // Half a frame and the garbage of the next client may be rejected as one.
  EXPECT_GE(Connect()->Stats()->daemon.rejected_frames, connects / 6);
  test::Report(
      "control channel",
      {{"connects", absl::StrCat(connects)},
       {"lazy meanwhile", absl::StrCat(kLazy)},
       {"slowest good answer", absl::StrFormat("%.1f ms", absl::ToDoubleMilliseconds(longest))},
       {"descriptors",
        handles.has_value() ? absl::StrCat(*handles, ", as before") : std::string("not told")},
       {"own KiB", grew}});
}

TEST_F(ControlStormTest, ManyAtOnceAreAllAnswered) {
  const uint64_t clients = test::Amount(CUBBY_AT_ONCE, 1000);
  ASSERT_TRUE(Connect()->Ping().ok());
  const absl::optional<uint64_t> handles = test::OpenHandles(daemon()->pid());
  std::vector<std::unique_ptr<test::Subprocess>> processes;
  for (int i = 0; i < kProcesses; ++i) {
    auto started = test::StartChild("ClientsAtOnce", {store(), absl::StrCat(clients / kProcesses)});
    ASSERT_TRUE(started.ok()) << started.status();
    processes.push_back(*std::move(started));
  }
  for (auto& process : processes) ASSERT_TRUE(test::WaitUntilReady(*process).ok());
  for (auto& process : processes) process->CloseInput();
  int answered = 0, longest_ms = 0;
  for (auto& process : processes) {
    const test::ExitResult result = process->Wait(kAllAtOnce);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const size_t at = result.out.find("answered ");
    ASSERT_NE(at, std::string::npos) << result.out;
    int of_it = 0, its_longest = 0;
    std::sscanf(result.out.c_str() + at, "answered %d longest %d", &of_it, &its_longest);
    answered += of_it;
    longest_ms = std::max(longest_ms, its_longest);
  }
  EXPECT_EQ(answered, static_cast<int>(clients));
  ASSERT_NO_FATAL_FAILURE(AwaitHandles(handles));
  EXPECT_TRUE(Connect()->Ping().ok());
  test::Report("control channel, at once", {{"clients", absl::StrCat(clients)},
                                            {"answered", absl::StrCat(answered)},
                                            {"slowest", absl::StrCat(longest_ms, " ms")}});
}

}  // namespace
}  // namespace cubby
