// The promise that the project began with: process A makes a named mapping and puts "This is a
// share memory" there, process B opens it by name and reads it; with no such name, B is told so
// clearly.
//
// Told twice: with the programs, and with the mapping by itself.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "program/exit_code.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/subprocess.h"

namespace cubby::test {
namespace {

using ::testing::HasSubstr;

constexpr char kText[] = "This is a share memory";
constexpr absl::Duration kDeadline = absl::Seconds(60);

// Process A: args[0] is the mapping's name. Keeps it until the test lets go.
CUBBY_CHILD(ShareMemoryA) {
  const auto mapping = os::Mapping::Create(args[0], 4096, 0600);
  if (!mapping.ok()) {
    std::fprintf(stderr, "%s\n", mapping.status().ToString().c_str());
    return 1;
  }
  std::memcpy(mapping->data(), kText, sizeof(kText));
  ReportReady();
  WaitForInputEnd();
  return os::Mapping::Remove(args[0]).ok() ? 0 : 1;
}

// Process B: args[0] is the mapping's name.
CUBBY_CHILD(ShareMemoryB) {
  const auto mapping = os::Mapping::Open(args[0], os::Access::kReadOnly);
  if (!mapping.ok()) {
    std::fprintf(stderr, "%s\n", mapping.status().ToString().c_str());
    return absl::IsNotFound(mapping.status()) ? static_cast<int>(program::ExitCode::kNoStore) : 1;
  }
  std::fputs(mapping->data(), stdout);
  return 0;
}

ExitResult RunB(const std::string& name) {
  auto b = StartChild("ShareMemoryB", {name});
  EXPECT_TRUE(b.ok()) << b.status();
  return b.ok() ? (*b)->Wait(kDeadline) : ExitResult();
}

TEST(ShareMemoryMappingTest, ProcessBReadsWhatProcessAPut) {
  const std::string name = UniqueStoreName("share-memory");
  auto a = StartChild("ShareMemoryA", {name});
  ASSERT_TRUE(a.ok()) << a.status();
  const absl::Status ready = WaitUntilReady(**a);
  ASSERT_TRUE(ready.ok()) << ready;

  const ExitResult b = RunB(name);

  EXPECT_EQ(b.exit_code, 0) << b.err;
  EXPECT_THAT(b.out, HasSubstr(kText));
  (*a)->CloseInput();
  EXPECT_EQ((*a)->Wait(kDeadline).exit_code, 0);
}

TEST(ShareMemoryMappingTest, WithNoSuchNameProcessBIsToldSo) {
  const ExitResult b = RunB(UniqueStoreName("share-memory"));
  EXPECT_EQ(b.exit_code, 3);
  EXPECT_THAT(b.err, HasSubstr("NOT_FOUND: cannot open the mapping"));
}

class ShareMemoryProgramTest : public DaemonFixture {};

TEST_F(ShareMemoryProgramTest, ProcessBReadsWhatProcessAPut) {
  ASSERT_TRUE(StartDaemon({"--capacity", "10"}));
  const ExitResult a = Cubby({"put", "message", kText});
  ASSERT_EQ(a.exit_code, 0) << a.err;

  const ExitResult b = Cubby({"get", "message"});

  EXPECT_EQ(b.exit_code, 0) << b.err;
  EXPECT_EQ(b.out, kText);
}

TEST_F(ShareMemoryProgramTest, WithNoSuchNameProcessBIsToldSo) {
  const ExitResult b = Cubby({"get", "message"});
  EXPECT_EQ(b.exit_code, 3);
  EXPECT_EQ(b.out, "");
  EXPECT_EQ(b.err,
            "cubby: no store '" + store() + "': start one with cubbyd --store " + store() + "\n");
}

}  // namespace
}  // namespace cubby::test
