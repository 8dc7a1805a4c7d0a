// What a cubbyd answers on its control channel: to administrators, and to what no administrator's
// tool sends.
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/property.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "os/pipe.h"
#include "os/pipe_client.h"
#include "proto/control.pb.h"
#include "proto/frame.h"
#include "proto/protocol.h"
#include "table/geometry.h"
#include "table/layout.h"
#include "tests/server/raw_channel.h"
#include "tests/server/server_fixture.h"

namespace cubby {
namespace {

using test::Ask;
using test::FrameOf;
using test::kLong;
using test::Ping;
using test::ReceiveResponse;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::VariantWith;

using ControlTest = test::ServerFixture;

uint64_t TotalBytes(const Store& store) {
  return NumberIn(store.Properties(), "total_bytes").value();
}

TEST_F(ControlTest, InfoTellsWhatWasAskedFor) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--slot-bytes", "256", "--max-value", "64KiB"}));
  auto admin = Connect();
  ASSERT_TRUE(admin);
  EXPECT_TRUE(admin->Ping().ok());
  const absl::StatusOr<DaemonInfo> info = admin->Info();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->store, store());
  EXPECT_EQ(info->version, base::kVersion);
  EXPECT_GE(info->uptime, absl::ZeroDuration());
  EXPECT_THAT(info->properties,
              Contains(AllOf(Field(&Property::name, "full_policy"),
                             Field(&Property::value, VariantWith<std::string>("reject")))));
  EXPECT_EQ(NumberIn(info->properties, "capacity"), 1000u);
  EXPECT_EQ(NumberIn(info->properties, "slot_bytes"), 256u);
  EXPECT_EQ(NumberIn(info->properties, "max_value_bytes"), 65536u);
  EXPECT_EQ(NumberIn(info->properties, "layout_major"), table::kLayoutMajor);

  // A process that maps the store finds the same properties, but for those of the daemon.
  auto opened = OpenStore();
  ASSERT_TRUE(opened);
  const std::vector<Property> properties = opened->Properties();
  ASSERT_LT(properties.size(), info->properties.size());
  for (size_t i = 0; i < properties.size(); ++i) {
    EXPECT_EQ(properties[i].name, info->properties[i].name);
    EXPECT_EQ(properties[i].value, info->properties[i].value) << properties[i].name;
    EXPECT_EQ(properties[i].unit, info->properties[i].unit) << properties[i].name;
    EXPECT_EQ(properties[i].help, info->properties[i].help) << properties[i].name;
  }
  EXPECT_EQ(opened->limits().max_key_bytes, NumberIn(properties, "max_key_bytes"));
}

TEST_F(ControlTest, ExtentsMayBeAsLongAsValues) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--max-value", "200000", "--extent-bytes", "65552",
                           "--extent-pool", "1MiB"}));
  auto store = OpenStore();
  ASSERT_TRUE(store);
  EXPECT_EQ(NumberIn(store->Properties(), "extent_bytes"), 65552u);
  auto admin = Connect();
  ASSERT_TRUE(admin);
  // To and fro, so that each takes extents that another gave back. The sizes at which a piece more
  // is needed, and those around which bytes are copied in another way.
  const size_t sizes[] = {2047, 65536, 2048, 200000, 2049, 65537, 4103, 131072, 65535, 131073};
  for (size_t round = 0; round < 3; ++round) {
    for (const size_t size : sizes) {
      std::string value(size, '\0');
      for (size_t i = 0; i < size; ++i) value[i] = static_cast<char>(i * 31 + size + round);
      ASSERT_TRUE(store->Put("k", value).ok()) << size;
      std::string got;
      ASSERT_TRUE(store->Get("k", &got).ok()) << size;
      EXPECT_TRUE(got == value) << size;
      const absl::StatusOr<CheckReport> check = admin->Check();
      ASSERT_TRUE(check.ok()) << check.status();
      EXPECT_THAT(check->problems, IsEmpty()) << size;
      EXPECT_EQ(check->extents_in_use, (size + 65535) / 65536) << size;
    }
  }
}

TEST_F(ControlTest, InfoTellsHowMuchLiesInHugePages) {
  const auto huge_page_bytes = [this] {
    const auto admin = Connect();
    return admin ? NumberIn(admin->Info()->properties, "huge_page_bytes").value() : ~uint64_t{0};
  };
  ASSERT_TRUE(StartDaemon({"--capacity", "100000", "--huge-pages", "off"}));
  EXPECT_EQ(huge_page_bytes(), 0u);
  const uint64_t all = os::HugePageBytesOf(TotalBytes(*OpenStore()));
  KillDaemon();
  // The next one finds the store, and what is in it.
  ASSERT_TRUE(StartDaemon({"--huge-pages", "auto"}));
  const uint64_t some = huge_page_bytes();
  EXPECT_LE(some, all);
  EXPECT_EQ(some % os::kHugePageBytes, 0u);
  // Those of a store that is kept are moved while it is served, if there are any at all.
  const std::string name = test::UniqueStoreName("probe");
  const absl::StatusOr<os::Mapping> probe = os::Mapping::Create(name, 4 * os::kHugePageBytes, 0600);
  ASSERT_TRUE(probe.ok()) << probe.status();
  const bool available = probe->UseHugePages().ok();
  ASSERT_TRUE(os::Mapping::Remove(name).ok());
  const os::Deadline deadline(kLong);
  while (available && huge_page_bytes() == 0) ASSERT_FALSE(deadline.Passed());
}

TEST_F(ControlTest, HugePagesThatMustBeAreOrTheDaemonDoesNotStart) {
  const std::string name = test::UniqueStoreName("probe");
  const absl::StatusOr<os::Mapping> probe = os::Mapping::Create(name, 4 * os::kHugePageBytes, 0600);
  ASSERT_TRUE(probe.ok()) << probe.status();
  const absl::StatusOr<uint64_t> huge = probe->UseHugePages();
  ASSERT_TRUE(os::Mapping::Remove(name).ok());
  const std::vector<std::string> flags = {"--capacity", "100000", "--huge-pages", "on"};
  if (huge.ok()) {
    const ::testing::AssertionResult started = StartDaemon(flags);
    if (!started) {
      // There were some, and there may not be enough: then it must say so.
      EXPECT_THAT(started.message(), HasSubstr("bytes could lie in such pages"));
      return;
    }
    EXPECT_EQ(NumberIn(Connect()->Info()->properties, "huge_page_bytes"),
              os::HugePageBytesOf(TotalBytes(*OpenStore())));
    return;
  }
  const test::ExitResult result = RunDaemon(flags);
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("--huge-pages on: "), HasSubstr("use --huge-pages auto")));
  EXPECT_TRUE(absl::IsNotFound(Store::Open(store()).status()));
}

TEST_F(ControlTest, StatsCountWhatClientsDid) {
  ASSERT_TRUE(StartDaemon());
  auto opened = OpenStore();
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  ASSERT_TRUE(opened->Put("a", "1").ok());
  ASSERT_TRUE(opened->Put("b", "2", {absl::Hours(1)}).ok());
  ASSERT_TRUE(opened->Delete("a").ok());
  const absl::StatusOr<DaemonStats> stats = admin->Stats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->store.entries, 1u);
  EXPECT_EQ(stats->store.expiring, 1u);
  EXPECT_EQ(stats->store.puts, 2u);
  EXPECT_EQ(stats->store.deletes, 1u);
  EXPECT_EQ(stats->daemon.requests, 0u);
  EXPECT_EQ(stats->daemon.rejected_frames, 0u);
  EXPECT_EQ(admin->Stats()->daemon.requests, 1u);
}

TEST_F(ControlTest, FlushRemovesEveryEntry) {
  ASSERT_TRUE(StartDaemon({"--capacity", "3000"}));
  auto opened = OpenStore();
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(opened->Put(absl::StrCat("key", i), "v").ok()) << i;
  EXPECT_EQ(admin->Flush().value(), 3000u);
  EXPECT_EQ(opened->Stats().entries, 0u);
  EXPECT_TRUE(absl::IsNotFound(opened->Contains("key7").status()) ||
              !opened->Contains("key7").value());
  EXPECT_TRUE(opened->Put("key7", "again").ok());
}

TEST_F(ControlTest, FlushRemovesWhatIsSoundInADamagedStoreAndSaysSo) {
  ASSERT_TRUE(StartDaemon({"--capacity", "3000"}));
  auto opened = OpenStore();
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(opened->Put(absl::StrCat("key", i), "v").ok()) << i;
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const table::Geometry geometry = table::ReadGeometry(mapping->data(), mapping->size()).value();
  // The slots of the first bucket.
  std::memset(mapping->data() + geometry.slots_offset, 0xa5,
              size_t{geometry.slot_bytes} * geometry.ways);
  const absl::Status flushed = admin->Flush().status();
  EXPECT_EQ(flushed.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("bucket 0 is damaged"));
  EXPECT_LE(opened->Stats().entries, NumberIn(opened->Properties(), "ways"));
  EXPECT_TRUE(admin->Ping().ok());
}

TEST_F(ControlTest, CheckFindsASoundStoreSound) {
  ASSERT_TRUE(StartDaemon());
  auto opened = OpenStore();
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  ASSERT_TRUE(opened->Put("short", "v").ok());
  ASSERT_TRUE(opened->Put("long", std::string(100'000, 'v')).ok());
  const absl::StatusOr<CheckReport> report = admin->Check();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->entries, 2u);
  EXPECT_EQ(report->extents_in_use, opened->Stats().extents_in_use);
}

TEST_F(ControlTest, CheckReportsDamageThoughThereIsMuch) {
  ASSERT_TRUE(StartDaemon({"--capacity", "3000"}));
  auto opened = OpenStore();
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(opened->Put(absl::StrCat("key", i), "v").ok()) << i;
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  std::memset(mapping->data() + table::kHeaderBytes, 0xa5,
              TotalBytes(*opened) - table::kHeaderBytes);
  const absl::StatusOr<CheckReport> report = admin->Check();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->problems.size(), 100u);
  EXPECT_GT(report->more_problems, 0u);
}

TEST_F(ControlTest, ShutdownIsAnsweredOnceTheNamesAreGone) {
  ASSERT_TRUE(StartDaemon());
  auto admin = Connect();
  ASSERT_TRUE(admin);
  const absl::Status shut_down = admin->Shutdown();
  EXPECT_TRUE(shut_down.ok()) << shut_down;
  EXPECT_EQ(Store::Open(store()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Admin::Connect(store(), kLong).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
}

TEST_F(ControlTest, StopEndsWhatIsUnderWay) {
  for (const char* subcommand : {"flush", "check"}) {
    ASSERT_TRUE(StartDaemon());
    auto writer = test::StuckWriter::Of(store());
    ASSERT_TRUE(writer);
    auto cubby = StartCubby({subcommand});
    ASSERT_TRUE(cubby);
    ASSERT_NO_FATAL_FAILURE(writer->AwaitAnother());
    daemon()->Interrupt();
    const test::ExitResult ended = cubby->Wait(kLong);
    EXPECT_EQ(ended.exit_code, 9) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("the daemon is stopping"));
    writer.reset();
    EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
  }
}

TEST_F(ControlTest, SmallRequestsAreAnsweredAndTheHeartGoesOnWhileJobsWait) {
  ASSERT_TRUE(StartDaemon());
  auto opened = OpenStore();
  auto writer = test::StuckWriter::Of(store());
  ASSERT_TRUE(opened && writer);
  auto mapping = os::Mapping::Open(store(), os::Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const table::StateLine& state = reinterpret_cast<const table::FixedPart*>(mapping->data())->state;
  std::vector<std::unique_ptr<test::Subprocess>> clients;
  for (const char* subcommand : {"flush", "check", "flush", "check"}) {
    clients.push_back(StartCubby({subcommand}));
    ASSERT_TRUE(clients.back());
  }
  ASSERT_NO_FATAL_FAILURE(writer->AwaitAnother());
  const uint64_t last_beat = state.heartbeat_ns;
  const os::Deadline deadline(kLong);
  do {
    ASSERT_FALSE(deadline.Passed()) << "no heartbeat";
    auto admin = Connect();
    ASSERT_TRUE(admin);
    EXPECT_TRUE(admin->Ping().ok());
    EXPECT_TRUE(admin->Info().ok());
    EXPECT_TRUE(admin->Stats().ok());
  } while (state.heartbeat_ns == last_beat);
  writer->LetGo();
  for (auto& client : clients) {
    const test::ExitResult result = client->Wait(kLong);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
}

TEST_F(ControlTest, WhoHasTheStoreOpenIsToldOfTheShutdown) {
  ASSERT_TRUE(StartDaemon());
  auto opened = OpenStore();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->Put("k", "v").ok());
  ASSERT_TRUE(Connect()->Shutdown().ok());
  std::string value;
  EXPECT_EQ(opened->Get("k", &value).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(opened->Put("k", "w").status().code(), absl::StatusCode::kFailedPrecondition);
}

// What no Admin sends.
class RawChannelTest : public ControlTest {
 protected:
  void SetUp() override { ASSERT_TRUE(StartDaemon({"--capacity", "1000"})); }

  std::unique_ptr<os::PipeClient> ConnectRaw() { return test::ConnectRaw(store()); }
};

TEST_F(RawChannelTest, UnknownRequestIsUnimplemented) {
  auto client = ConnectRaw();
  ASSERT_TRUE(client);
  control::Request request = Ping(store());
  request.clear_ping();
  // Field 99, of the future, is an empty message.
  absl::Status sent = client->Send(
      proto::EncodeFrames(absl::StrCat(request.SerializeAsString(), "\x9a\x06", std::string(1, 0)))
          .value(),
      kLong);
  ASSERT_TRUE(sent.ok()) << sent;
  const absl::StatusOr<control::Response> response = ReceiveResponse(client.get());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status_code(), static_cast<int>(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(response->request_id(), 7u);
}

TEST_F(RawChannelTest, RequestForAnotherStoreOfTheNameIsRefused) {
  for (const std::string& instance : {std::string(16, 'x'), std::string(), std::string(1, 'x')}) {
    auto client = ConnectRaw();
    ASSERT_TRUE(client);
    control::Request request = Ping(store());
    request.mutable_shutdown();
    const std::string own = request.instance();
    request.set_instance(instance);
    const absl::StatusOr<control::Response> response = Ask(client.get(), request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status_code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(
        response->status_message(),
        AllOf(HasSubstr("serves another store named '" + store() + "'"),
              HasSubstr(absl::BytesToHexString(own)), HasSubstr(absl::BytesToHexString(instance))));
    EXPECT_EQ(response->instance(), own);
  }
  EXPECT_TRUE(Connect()->Ping().ok());
}

TEST_F(RawChannelTest, DaemonOfAStoreThatLostItsHeaderCanBeAskedAndEnded) {
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  auto admin = Connect();
  ASSERT_TRUE(admin);
  std::memset(mapping->data() + offsetof(table::Header, instance), 0xa5, 16);
  EXPECT_TRUE(admin->Ping().ok());
  std::memset(mapping->data(), 0xa5, 8);
  EXPECT_TRUE(admin->Ping().ok());
  EXPECT_TRUE(admin->Shutdown().ok());
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
}

TEST_F(RawChannelTest, OtherProtocolIsUnimplementedNamingBoth) {
  auto client = ConnectRaw();
  ASSERT_TRUE(client);
  control::Request request = Ping(store());
  request.set_protocol(42);
  request.mutable_shutdown();  // least of all that
  const absl::StatusOr<control::Response> response = Ask(client.get(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status_code(), static_cast<int>(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(response->status_message(),
              AllOf(HasSubstr("42"), HasSubstr(absl::StrCat(proto::kProtocol))));
  EXPECT_TRUE(Connect()->Ping().ok());
}

TEST_F(RawChannelTest, RequestPastItsDeadlineIsNotCarriedOut) {
  auto opened = OpenStore();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->Put("k", "v").ok());
  for (bool shutdown : {false, true}) {
    auto client = ConnectRaw();
    ASSERT_TRUE(client);
    control::Request request = Ping(store());
    if (shutdown) {
      request.mutable_shutdown();
    } else {
      request.mutable_flush();
    }
    request.set_deadline_ns(os::BootNanos());
    const absl::StatusOr<control::Response> response = Ask(client.get(), request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status_code(), static_cast<int>(absl::StatusCode::kDeadlineExceeded));
    EXPECT_THAT(response->status_message(), HasSubstr("too late"));
  }
  EXPECT_TRUE(opened->Contains("k").value());
  EXPECT_TRUE(Connect()->Ping().ok());
}

TEST_F(RawChannelTest, WhatComesWhileTheDaemonStopsIsAnswered) {
  auto first = ConnectRaw(), second = ConnectRaw(), late = ConnectRaw();
  auto writer = test::StuckWriter::Of(store());
  ASSERT_TRUE(first && second && late && writer);
  control::Request shutdown = Ping(store());
  shutdown.mutable_shutdown();
  ASSERT_TRUE(first->Send(FrameOf(shutdown), kLong).ok());
  ASSERT_NO_FATAL_FAILURE(writer->AwaitAnother());  // it is stopping, and reads no more requests
  ASSERT_TRUE(second->Send(FrameOf(shutdown), kLong).ok());
  ASSERT_TRUE(late->Send(FrameOf(Ping(store())), kLong).ok());
  writer.reset();

  for (os::PipeClient* client : {first.get(), second.get()}) {
    const absl::StatusOr<control::Response> response = ReceiveResponse(client);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status_code(), 0);
    EXPECT_EQ(response->response_case(), control::Response::kShutdown);
  }
  const absl::StatusOr<control::Response> refused = ReceiveResponse(late.get());
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status_code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_THAT(refused->status_message(), HasSubstr("is stopping"));
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
}

TEST_F(RawChannelTest, GoodRequestsAreAnsweredAfterGarbageOfEveryKind) {
  const std::string good = FrameOf(Ping(store()));
  std::string bad_checksum = good;
  bad_checksum.back() = static_cast<char>(bad_checksum.back() ^ 1);
  const std::vector<std::string> garbage = {
      "garbage",
      std::string(os::kMaxRequestBytes, '\0'),
      good.substr(0, good.size() - 1),
      good.substr(0, 5),
      bad_checksum,
      proto::EncodeFrames("\xff\xff\xff not a protobuf").value(),
      proto::EncodeFrames(std::string(5000, 'm')).value().substr(0, proto::kMaxFrameBytes),
  };
  for (const std::string& bytes : garbage) {
    auto client = ConnectRaw();
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->Send(bytes, kLong).ok());
    const absl::StatusOr<control::Response> response = Ask(client.get(), Ping(store()));
    ASSERT_TRUE(response.ok()) << response.status() << " after " << bytes.substr(0, 20);
    EXPECT_EQ(response->status_code(), 0);
  }
  EXPECT_GE(Connect()->Stats()->daemon.rejected_frames, garbage.size());
}

TEST_F(RawChannelTest, ClientThatDiesAmidItsRequestIsNoTrouble) {
  {
    auto client = ConnectRaw();
    ASSERT_TRUE(client);
    const std::string frame = FrameOf(Ping(store()));
    ASSERT_TRUE(client->Send(frame.substr(0, frame.size() / 2), kLong).ok());
  }
  auto admin = Connect();
  ASSERT_TRUE(admin);
  EXPECT_TRUE(admin->Ping().ok());
  EXPECT_EQ(admin->Stats()->daemon.rejected_frames, 1u);
}

TEST_F(RawChannelTest, SessionThatNeverReadsDoesNotKeepOthersWaiting) {
  auto lazy = ConnectRaw();
  auto admin = Connect();
  ASSERT_TRUE(lazy && admin);
  control::Request request = Ping(store());
  request.mutable_info();
  // Far more answers than a pipe holds. Where a client's next request waits for its last answer,
  // not all are taken.
  absl::Status sent;
  for (int i = 0; i < 2000 && sent.ok(); ++i) {
    sent = lazy->Send(FrameOf(request), absl::Milliseconds(100));
  }
  EXPECT_TRUE(admin->Ping().ok());
  EXPECT_TRUE(admin->Stats().ok());
}

TEST_F(RawChannelTest, ClientThatGoesWithoutItsAnswerIsNoTrouble) {
  for (int i = 0; i < 50; ++i) {
    auto client = ConnectRaw();
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->Send(FrameOf(Ping(store())), kLong).ok());
  }
  EXPECT_TRUE(Connect()->Ping().ok());
}

}  // namespace
}  // namespace cubby
