#include "os/mapping.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace cubby::os {
namespace {

constexpr uint64_t kBytes = 64 << 10;
constexpr int kCrashed = 139;

CUBBY_CHILD(OpensAndPrints) {
  absl::StatusOr<Mapping> mapping = Mapping::Open(args[0], Access::kReadOnly);
  if (!mapping.ok()) return absl::IsNotFound(mapping.status()) ? 3 : 1;
  std::fputs(mapping->data(), stdout);
  return 0;
}

CUBBY_CHILD(OpensReadOnlyAndStores) {
  absl::StatusOr<Mapping> mapping = Mapping::Open(args[0], Access::kReadOnly);
  if (!mapping.ok()) return 1;
  std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would change the exit code
  *static_cast<volatile char*>(mapping->data()) = 'x';
  return 0;
}

CUBBY_CHILD(OpensReadWriteAndStores) {
  absl::StatusOr<Mapping> mapping = Mapping::Open(args[0], Access::kReadWrite);
  if (!mapping.ok()) return 1;
  *static_cast<volatile char*>(mapping->data()) = 'x';
  return 0;
}

test::ExitResult RunChild(const std::string& child, const std::string& store) {
  return test::Run({test::SelfPath(), "--child=" + child, store});
}

class MappingTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(Mapping::Remove(store_).ok()); }
  const std::string store_ = test::UniqueStoreName("mapping");
};

TEST_F(MappingTest, NewMappingIsZeroAndOfTheSizeAskedFor) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->size(), kBytes);
  EXPECT_EQ(std::string(mapping->data(), kBytes), std::string(kBytes, '\0'));
}

TEST_F(MappingTest, AnotherProcessReadsWhatWasWritten) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  std::strcpy(mapping->data(), "This is a share memory");
  const test::ExitResult other = RunChild("OpensAndPrints", store_);
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_EQ(other.out, "This is a share memory");
}

TEST_F(MappingTest, AnotherProcessWritesWhatIsRead) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(RunChild("OpensReadWriteAndStores", store_).exit_code, 0);
  EXPECT_EQ(*mapping->data(), 'x');
}

TEST_F(MappingTest, MissingNameIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Mapping::Open(store_, Access::kReadOnly).status()));
  EXPECT_TRUE(absl::IsNotFound(Mapping::Open(store_, Access::kReadWrite).status()));
  EXPECT_EQ(RunChild("OpensAndPrints", store_).exit_code, 3);
}

TEST_F(MappingTest, TakenNameIsAlreadyExists) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_TRUE(absl::IsAlreadyExists(Mapping::Create(store_, kBytes, 0600).status()));
}

TEST_F(MappingTest, OpenSeesSizeModeAndOwner) {
  const absl::StatusOr<Mapping> created = Mapping::Create(store_, kBytes, 0644);
  ASSERT_TRUE(created.ok()) << created.status();
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->size(), kBytes);
  EXPECT_EQ(created->mode(), Mapping::ModeThatHolds(0644));
  EXPECT_EQ(opened->mode(), Mapping::ModeThatHolds(0644));
  EXPECT_EQ(opened->owner(), created->owner());
  EXPECT_TRUE(opened->OwnedByCaller());
}

TEST_F(MappingTest, ReadOnlyPagesAreWriteProtected) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(RunChild("OpensReadOnlyAndStores", store_).exit_code, kCrashed);
  EXPECT_EQ(*mapping->data(), '\0');
}

TEST_F(MappingTest, HugePagesHoldWhatWasThereAndAreForThoseWhoOpenItToo) {
  constexpr uint64_t kLarge = 6 * kHugePageBytes + 4096;
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kLarge, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  for (uint64_t at = 0; at < kLarge; at += 4096) mapping->data()[at] = 'x';
  const absl::StatusOr<uint64_t> huge = mapping->UseHugePages();
  if (huge.ok()) {
    EXPECT_EQ(*huge % kHugePageBytes, 0u);
    EXPECT_LE(*huge, HugePageBytesOf(kLarge));
    EXPECT_GT(*huge, 0u);
  } else {
    EXPECT_TRUE(absl::IsUnimplemented(huge.status()) || absl::IsResourceExhausted(huge.status()))
        << huge.status();
  }
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->size(), kLarge);
  for (uint64_t at = 0; at < kLarge; at += 4096) ASSERT_EQ(opened->data()[at], 'x') << at;
}

TEST_F(MappingTest, TooLargeForTheMachineIsAnErrorAndLeavesNoName) {
  const absl::Status status = Mapping::Create(store_, uint64_t{1} << 46, 0600).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::IsNotFound(Mapping::Open(store_, Access::kReadOnly).status()));
}

TEST_F(MappingTest, StoppedBeforeItIsMadeLeavesNoName) {
  const auto stopped = [] { return true; };
  const absl::Status status =
      Mapping::Create(store_, kBytes, 0600, absl::nullopt, Pages::kSmall, stopped).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_TRUE(absl::IsNotFound(Mapping::Open(store_, Access::kReadOnly).status()));
}

TEST_F(MappingTest, NameIsFreeAgainAfterRemoveAndTheLastHandle) {
  for (int turn = 0; turn < 2; ++turn) {
    const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    ASSERT_TRUE(Mapping::Remove(store_).ok());
  }
  EXPECT_TRUE(Mapping::Remove(store_).ok()) << "removing what is gone is no error";
}

TEST_F(MappingTest, RemoveLeavesTheMemoryToThoseWhoHaveIt) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  ASSERT_TRUE(Mapping::Remove(store_).ok());
  *mapping->data() = 'x';
  EXPECT_EQ(*mapping->data(), 'x');
}

TEST_F(MappingTest, MoveLeavesNothingBehind) {
  absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  Mapping taken(*std::move(mapping));
  EXPECT_EQ(mapping->data(), nullptr);  // NOLINT(bugprone-use-after-move): what it is about
  EXPECT_EQ(mapping->size(), 0u);
  Mapping assigned;
  assigned = std::move(taken);
  EXPECT_EQ(taken.data(), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(assigned.size(), kBytes);
}

}  // namespace
}  // namespace cubby::os
