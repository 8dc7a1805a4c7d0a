// The life of a cubbyd: started, stopped, killed and started again, with what it finds then.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/deadline.h"
#include "os/mapping.h"
#include "program/exit_code.h"
#include "table/layout.h"
#include "tests/server/server_fixture.h"

namespace cubby {
namespace {

using test::kLong;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using DaemonTest = test::ServerFixture;

TEST_F(DaemonTest, ExpiredEntriesAreSweptUnasked) {
  ASSERT_TRUE(StartDaemon());
  auto opened = OpenStore();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->Put("brief", "v", {absl::Milliseconds(1)}).ok());
  ASSERT_TRUE(opened->Put("lasting", "v", {absl::Hours(1)}).ok());
  const os::Deadline deadline(kLong);
  while (opened->Stats().expired == 0 && !deadline.Passed()) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(opened->Stats().expired, 1u);
  EXPECT_EQ(opened->Stats().entries, 1u);
  EXPECT_TRUE(opened->Contains("lasting").value());
}

// The numbers behind "Exit codes: " in a program's help.
std::set<int> ListedCodes(const std::string& program) {
  const test::ExitResult help = test::Run({test::ProgramPath(program), "--help"});
  EXPECT_EQ(help.exit_code, 0) << help.err;
  const std::string list = help.out.substr(help.out.find("Exit codes: "));
  std::set<int> codes;
  for (const absl::string_view word : absl::StrSplit(list, absl::ByAnyChar(" \r\n"))) {
    int code;
    if (absl::SimpleAtoi(word, &code)) codes.insert(code);
  }
  return codes;
}

TEST(ExitCodeTest, HelpListsEachThatAnErrorCanHave) {
  const struct {
    const char* program;
    program::Subject subject;
  } cases[] = {{"cubbyd", program::Subject::kServing},
               {"cubby", program::Subject::kStore},
               {"cubby", program::Subject::kEntry},
               {"cubby", program::Subject::kDaemon}};
  for (const auto& test : cases) {
    const std::set<int> listed = ListedCodes(test.program);
    for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
      const absl::Status status(static_cast<absl::StatusCode>(code), "");
      EXPECT_EQ(listed.count(static_cast<int>(program::ExitCodeFor(status, test.subject))), 1u)
          << test.program << ", " << status;
    }
  }
}

// What no process can open any more is not written any more, and its daemon still answers.
TEST_F(DaemonTest, OverwrittenFixedPartIsNoticed) {
  const struct {
    const char* what;
    size_t at;
    uint64_t word;
  } cases[] = {
      {"no magic", 0, 0},
      {"another magic", 0, 0x1234},
      {"a wrong checksum", offsetof(table::Header, capacity), 7},
      {"superseded by nothing", offsetof(table::FixedPart, state), 0x103},
      {"retired", offsetof(table::FixedPart, state), 5},
      {"a state that there is not", offsetof(table::FixedPart, state), 77},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    ASSERT_NO_FATAL_FAILURE(StartWithEntry({"--capacity", "1000", "--fresh"}));
    ASSERT_EQ(Cubby({"ping", "--wait", "60s"}).exit_code, 0);
    auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    std::memcpy(mapping->data() + test.at, &test.word, sizeof(test.word));
    const absl::Status noticed = daemon()->WaitForError("was overwritten by another", kLong);
    EXPECT_TRUE(noticed.ok()) << noticed;
    const absl::Status advised =
        daemon()->WaitForError("): end it by cubby shutdown, and start cubbyd again\n", kLong);
    EXPECT_TRUE(advised.ok()) << advised;
    EXPECT_TRUE(absl::IsDataLoss(opened_->Put("l", "v").status()));
    EXPECT_NE(Cubby({"get", "k", "--timeout", "10ms"}).exit_code, 0);
    EXPECT_EQ(Cubby({"ping"}).exit_code, 0);
    EXPECT_EQ(Cubby({"check"}).exit_code, 8);
    const test::ExitResult shutdown = Cubby({"shutdown"});
    EXPECT_EQ(shutdown.exit_code, 0) << shutdown.err;
    EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
    // On Windows the memory lasts as long as these.
    opened_.reset();
    *mapping = os::Mapping();
  }
}

TEST_F(DaemonTest, StoreCanBeMadeAgainAtOnceAfterShutdown) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  ASSERT_TRUE(OpenStore()->Put("k", "v").ok());
  const absl::Status shut_down = Connect()->Shutdown();
  ASSERT_TRUE(shut_down.ok()) << shut_down;
  ASSERT_TRUE(StartDaemon({"--capacity", "2000"}));
  EXPECT_EQ(NumberIn(Connect()->Info()->properties, "capacity"), 2000u);
  EXPECT_FALSE(OpenStore()->Contains("k").value());
}

TEST_F(DaemonTest, ShutdownThatKeepsLeavesTheStoreToTheNextDaemon) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry());
  const test::ExitResult shutdown = Cubby({"shutdown", "--keep"});
  EXPECT_EQ(shutdown.exit_code, 0) << shutdown.err;
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
  EXPECT_TRUE(opened_->Put("l", "v").ok()) << "while there is no daemon";
  ASSERT_TRUE(StartDaemon());
  EXPECT_TRUE(opened_->Put("m", "v").ok());
  EXPECT_THAT(Connect()->Check()->problems, IsEmpty());
  EXPECT_THAT(StopDaemon().err, HasSubstr("kept 2 entries"));
}

TEST_F(DaemonTest, StopSignalKeepsTheStoreIfThatIsAskedFor) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry({"--capacity", "1000", "--keep-on-exit"}));
  const test::ExitResult stopped = StopDaemon();
  EXPECT_EQ(stopped.exit_code, 0);
  EXPECT_THAT(stopped.err, HasSubstr("its entries stay for the next cubbyd"));
  EXPECT_TRUE(opened_->Contains("k").value());
  ASSERT_TRUE(StartDaemon({"--keep-on-exit"}));
  EXPECT_TRUE(OpenStore()->Contains("k").value());
  // A request says itself what it wants.
  ASSERT_TRUE(Connect()->Shutdown().ok());
  EXPECT_EQ(opened_->Contains("k").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(daemon()->Wait(kLong).exit_code, 0);
}

TEST_F(DaemonTest, StopSignalTakesTheNamesAway) {
  ASSERT_TRUE(StartDaemon());
  const test::ExitResult stopped = StopDaemon();
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  EXPECT_EQ(Store::Open(store()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Admin::Connect(store(), kLong).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DaemonTest, SecondDaemonIsRefused) {
  ASSERT_TRUE(StartDaemon());
  const test::ExitResult second = RunDaemon({"--fresh"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("already has a daemon"));
  EXPECT_TRUE(Connect()->Ping().ok());
}

TEST_F(DaemonTest, KilledDaemonIsUnavailable) {
  ASSERT_TRUE(StartDaemon());
  auto admin = Connect();
  ASSERT_TRUE(admin);
  KillDaemon();
  EXPECT_EQ(admin->Ping().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Admin::Connect(store(), kLong).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DaemonTest, KilledDaemonsStoreIsServedOnWithItsEntries) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
  auto opened = OpenStore();  // on Windows, what keeps the memory
  auto admin = Connect();
  ASSERT_TRUE(opened && admin);
  ASSERT_TRUE(opened->Put("k", "v").ok());
  KillDaemon();
  std::string value;
  ASSERT_TRUE(opened->Get("k", &value).ok()) << "while there is no daemon";

  ASSERT_TRUE(StartDaemon());
  EXPECT_TRUE(admin->Ping().ok()) << "through an Admin of before";
  EXPECT_EQ(NumberIn(admin->Info()->properties, "capacity"), 1000u);
  ASSERT_TRUE(OpenStore()->Get("k", &value).ok());
  EXPECT_EQ(value, "v");
  EXPECT_TRUE(opened->Put("k", "w").ok()) << "through a Store of before";
  EXPECT_THAT(admin->Check()->problems, IsEmpty());
  EXPECT_THAT(StopDaemon().err, HasSubstr("kept 1 entry,"));
}

TEST_F(DaemonTest, FreshDiscardsTheEntriesOfAKilledDaemonsStore) {
  ASSERT_NO_FATAL_FAILURE(StartWithEntry(/*flags=*/{}));
  KillDaemon();
  ASSERT_TRUE(StartDaemon({"--fresh"}));
  auto again = OpenStore();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->Contains("k").value());
  EXPECT_TRUE(again->Put("k", "w").ok());
  EXPECT_THAT(Connect()->Check()->problems, IsEmpty());
  EXPECT_THAT(StopDaemon().err, HasSubstr("discarding its 1 entry,"));
}

TEST_F(DaemonTest, OtherShapeThanTheExistingStoresIsRefusedNamingBoth) {
  ASSERT_TRUE(StartDaemon({"--capacity", "1000", "--slot-bytes", "128", "--max-value", "64KiB",
                           "--extent-pool", "1MiB"}));
  auto opened = OpenStore();
  ASSERT_TRUE(opened);
  KillDaemon();
  const struct {
    const char* option;
    const char* asked;
    const char* has;
    const char* means;
  } cases[] = {
      {"--capacity", "2000", "1000", "2000"},       {"--slot-bytes", "200", "128", "200"},
      {"--slot-bytes", "64", "128", "64"},          {"--max-value", "1MiB", "64KiB", "1MiB"},
      {"--extent-pool", "2MiB", "1048320", "2MiB"}, {"--extent-bytes", "4112", "1040", "4112"},
      {"--extent-bytes", "1032", "1040", "1032"},   {"--mode", "0644", "0600", "0644"},
  };
  for (const auto& test : cases) {
    const test::ExitResult result = RunDaemon({test.option, test.asked});
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(test.option), HasSubstr(test.has),
                                  HasSubstr(test.means), HasSubstr("--fresh")));
  }
  // What it has may be said again, also as it was said then.
  EXPECT_TRUE(StartDaemon({"--capacity", "1000", "--slot-bytes", "125", "--max-value", "64KiB",
                           "--extent-pool", "1MiB", "--extent-bytes", "1033", "--mode", "0600"}));
}

TEST_F(DaemonTest, DamagedHeaderIsRefused) {
  ASSERT_TRUE(StartDaemon());
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  KillDaemon();
  mapping->data()[offsetof(table::Header, capacity)] ^= 1;
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("damaged"), HasSubstr("--fresh")));
}

TEST_F(DaemonTest, PoisonedStoreIsRefused) {
  ASSERT_TRUE(StartDaemon());
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  KillDaemon();
  reinterpret_cast<table::FixedPart*>(mapping->data())
      ->state.state.store(static_cast<uint64_t>(table::State::kPoisoned));
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--fresh"));
}

TEST_F(DaemonTest, OtherLayoutVersionIsRefused) {
  ASSERT_TRUE(StartDaemon());
  auto mapping = os::Mapping::Open(store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  KillDaemon();
  mapping->data()[offsetof(table::Header, layout_major)] = 9;
  const test::ExitResult result = RunDaemon({});
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("layout version 9"));
}

TEST_F(DaemonTest, BadCommandLinesAreUsageErrorsOfOneLine) {
  const std::vector<std::string> cases[] = {
      {"--capacity", "0"},
      {"--capacity", "many"},
      {"--capacity", "-1"},
      {"--slot-bytes", "8"},
      {"--slot-bytes", "1MiB"},
      {"--max-value", "1.5MiB"},
      {"--max-value", "2GiB"},
      {"--extent-pool", "1KiB"},
      {"--extent-bytes", "56"},
      {"--extent-bytes", "4GiB"},
      {"--full", "forget"},
      {"--mode", "0777"},
      {"--mode", "rw"},
      {"--mode", "0400"},
      {"--nonsense"},
      {"nonsense"},
      {"two", "strange words"},
      {"a\nb", "c"},
      {"--capacity", "1\n2"},
      {"--store", "a\nb"},
      {"--capacity", ""},
      {"--mode", ""},
      {"--full", ""},
      {"--group", ""},
      {"--group", "no such group"},
      {"--group", "4294967295"},
      {"--huge-pages", "2MiB"},
      {"--huge-pages", ""},
      {"--log-level", "loud"},
      {"--log-level", ""},
  };
  for (const std::vector<std::string>& flags : cases) {
    const test::ExitResult result = RunDaemon(flags);
    EXPECT_EQ(result.exit_code, 2) << flags[0] << ": " << result.err;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  }
}

TEST_F(DaemonTest, LogLevelDebugTellsEachAnswer) {
  ASSERT_TRUE(StartDaemon({"--log-level", "debug"}));
  EXPECT_TRUE(Connect()->Ping().ok());
  EXPECT_THAT(StopDaemon().err, HasSubstr("answered request"));
}

TEST_F(DaemonTest, FullStoreRejectsOrEvicts) {
  EXPECT_THAT(RunDaemon({"--full", "forget"}).err,
              HasSubstr("bad --full 'forget': use reject or evict"));
  for (const bool evicts : {false, true}) {
    const std::string policy = evicts ? "evict" : "reject";
    const std::string other = evicts ? "reject" : "evict";
    ASSERT_TRUE(StartDaemon({"--full", policy, "--capacity", "100", "--fresh"}));
    auto store = Store::Open(this->store());
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE((*store)->Put(absl::StrCat(i), "v").ok()) << i;
    for (int i = 100; i < 300; ++i) {
      const absl::Status status = (*store)->Put(absl::StrCat(i), "v").status();
      EXPECT_EQ(status.code(),
                evicts ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted)
          << status;
    }
    // Read-only, a get stores nothing, in a store that evicts either: here that would be a fault.
    OpenOptions read_only;
    read_only.mode = Mode::kReadOnly;
    auto reader = Store::Open(this->store(), read_only);
    ASSERT_TRUE(reader.ok()) << reader.status();
    for (int i = 0; i < 300; ++i) {
      EXPECT_EQ((*reader)->Contains(absl::StrCat(i)).value(),
                (*store)->Contains(absl::StrCat(i)).value());
    }
    EXPECT_EQ((*store)->Stats().entries, 100u);
    EXPECT_EQ((*store)->Stats().evictions, evicts ? 200u : 0u);
    // It stays what it was made as. (On Windows it lives as long as a program has it open.)
    KillDaemon();
    const test::ExitResult refused = RunDaemon({"--full", other});
    EXPECT_EQ(refused.exit_code, 2) << refused.err;
    EXPECT_THAT(refused.err,
                HasSubstr(absl::StrCat("it exists with --full ", policy, ", not ", other)));
    ASSERT_TRUE(StartDaemon({}));
    EXPECT_EQ((*store)->Stats().entries, 100u);
    StopDaemon();
  }
}

TEST_F(DaemonTest, NameOfAnyBytesIsRefusedInOneLine) {
  const test::ExitResult result = test::Run({test::ProgramPath("cubbyd"), "--store", "a\nb\tc"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err,
            "cubbyd: bad store name 'a\\nb\\tc': use 1 to 64 of a-z, 0-9, '-' and '_'; see cubbyd "
            "--help\n");
}

TEST_F(DaemonTest, VersionIsTold) {
  const test::ExitResult result = RunDaemon({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr(base::kVersion));
}

}  // namespace
}  // namespace cubby
