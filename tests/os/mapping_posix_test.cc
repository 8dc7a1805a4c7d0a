// What only POSIX shared memory promises: see mapping_test.cc for the rest.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "tests/support/subprocess.h"

namespace cubby::os {
namespace {

using ::testing::HasSubstr;

class MappingPosixTest : public testing::Test {
 protected:
  void TearDown() override {
    if (unlink(path_.c_str()) != 0) rmdir(path_.c_str());
  }
  const std::string store_ = test::UniqueStoreName("mapping");
  const std::string path_ = "/dev/shm/cubby." + store_;
};

TEST_F(MappingPosixTest, ModeIsAsAskedWhateverTheUmask) {
  const mode_t before = umask(0077);
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, 4096, 0664);
  umask(before);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0664u);
}

TEST_F(MappingPosixTest, MemoryIsReservedBeforeItIsTouched) {
  constexpr uint64_t kBytes = 1 << 20;
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_GE(static_cast<uint64_t>(info.st_blocks) * 512, kBytes);
}

TEST_F(MappingPosixTest, MemoryIsReservedAlsoWhereHugePagesAreAskedFor) {
  constexpr uint64_t kBytes = 16 * kHugePageBytes + 4096;
  const absl::StatusOr<Mapping> mapping =
      Mapping::Create(store_, kBytes, 0600, absl::nullopt, Pages::kHuge);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_GE(static_cast<uint64_t>(info.st_blocks) * 512, kBytes);
  EXPECT_EQ(std::count(mapping->data(), mapping->data() + kBytes, '\0'),
            static_cast<ptrdiff_t>(kBytes));
}

TEST_F(MappingPosixTest, StoppedWhileItIsMadeLeavesNoName) {
  constexpr uint64_t kBytes = 64 * kHugePageBytes;
  for (const Pages pages : {Pages::kSmall, Pages::kHuge}) {
    for (const int stop : {2, 3, 5}) {
      int asked = 0;
      const auto stopped = [&] { return ++asked >= stop; };
      const absl::Status status =
          Mapping::Create(store_, kBytes, 0600, absl::nullopt, pages, stopped).status();
      EXPECT_TRUE(absl::IsCancelled(status)) << stop << " " << status;
      EXPECT_NE(access(path_.c_str(), F_OK), 0) << stop;
    }
  }
}

TEST_F(MappingPosixTest, StoppedMoveToHugePagesLeavesTheMemoryAsItWas) {
  constexpr uint64_t kBytes = 16 * kHugePageBytes;
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  if (absl::IsUnimplemented(mapping->UseHugePage(kHugePageBytes))) {
    GTEST_SKIP() << "the system has no huge pages";
  }
  std::fill(mapping->data(), mapping->data() + kBytes, 'x');
  int asked = 0;
  const absl::Status status = mapping->UseHugePages([&] { return ++asked == 3; }).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(std::count(mapping->data(), mapping->data() + kBytes, 'x'),
            static_cast<ptrdiff_t>(kBytes));
}

TEST_F(MappingPosixTest, RoomCountsWhatIsGivenBack) {
  EXPECT_TRUE(Mapping::CheckRoom(4096, 0).ok());
  constexpr uint64_t kTooMuch = uint64_t{1} << 60;
  EXPECT_EQ(Mapping::CheckRoom(kTooMuch, 0).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Mapping::CheckRoom(kTooMuch, 4096).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(MappingPosixTest, BeginsWhereHugePagesCan) {
  for (const uint64_t bytes : {kHugePageBytes, 2 * kHugePageBytes + 4096}) {
    const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, bytes, 0600);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    // Several, for one may lie well by chance.
    for (const Access access : {Access::kReadOnly, Access::kReadWrite, Access::kReadOnly}) {
      const absl::StatusOr<Mapping> opened = Mapping::Open(store_, access);
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(opened->data()) % kHugePageBytes, 0u);
    }
    ASSERT_TRUE(mapping->Remove().ok());
  }
}

// What the system says of the memory that is mapped at `data`: the rest of the line that begins
// with `field`.
std::string SmapsOf(const char* data, const std::string& field) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  const std::string begin = absl::StrCat(absl::Hex(reinterpret_cast<uintptr_t>(data)), "-");
  bool here = false;
  while (std::getline(maps, line)) {
    if (line.find('-') < line.find(' ')) here = absl::StartsWith(line, begin);
    if (here && absl::StartsWith(line, field)) return line.substr(field.size());
  }
  return "";
}

// How much of what is mapped at `data` the processor knows as huge pages.
uint64_t HugeBytesAt(const char* data) {
  return std::strtoull(SmapsOf(data, "ShmemPmdMapped:").c_str(), nullptr, 10) << 10;
}

TEST_F(MappingPosixTest, IsLeftOutOfCoreDumps) {
  for (const uint64_t bytes : {uint64_t{4096}, 2 * kHugePageBytes}) {
    const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, bytes, 0600);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_TRUE(mapping->Remove().ok());
    for (const Mapping* each : {&*mapping, &*opened}) {
      EXPECT_THAT(SmapsOf(each->data(), "VmFlags:"), HasSubstr(" dd")) << "do not dump";
    }
  }
}

TEST_F(MappingPosixTest, HugePagesAreMappedAsSuch) {
  constexpr uint64_t kBytes = 5 * kHugePageBytes;
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const absl::StatusOr<uint64_t> huge = mapping->UseHugePages();
  if (!huge.ok()) GTEST_SKIP() << huge.status();
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();
  for (uint64_t at = 0; at < kBytes; at += 4096) ASSERT_EQ(opened->data()[at], '\0');
  EXPECT_EQ(HugeBytesAt(opened->data()), *huge);
}

// Page faults of reading or writing one byte of each page. (A sanitizer's own memory would count.)
ABSL_ATTRIBUTE_NO_SANITIZE_ADDRESS ABSL_ATTRIBUTE_NO_SANITIZE_THREAD ABSL_ATTRIBUTE_NOINLINE int64_t
FaultsOfTouching(char* data, size_t size, Access access) {
  struct rusage before;
  struct rusage after;
  getrusage(RUSAGE_SELF, &before);
  for (size_t at = 0; at < size; at += 4096) {
    volatile char* byte = data + at;
    if (access == Access::kReadWrite) {
      *byte = 'x';
    } else {
      static_cast<void>(*byte);
    }
  }
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST_F(MappingPosixTest, PrefaultedPagesDoNotFault) {
  constexpr int64_t kHugePages = 8;
  const auto mapping = Mapping::Create(store_, kHugePages * kHugePageBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  for (const Access access : {Access::kReadOnly, Access::kReadWrite}) {
    const absl::StatusOr<Mapping> as_is = Mapping::Open(store_, access);
    ASSERT_TRUE(as_is.ok()) << as_is.status();
    // The system may map neighbours with each, or the whole of a huge page.
    EXPECT_GE(FaultsOfTouching(as_is->data(), as_is->size(), access), kHugePages);
    const absl::StatusOr<Mapping> prefaulted = Mapping::Open(store_, access);
    ASSERT_TRUE(prefaulted.ok()) << prefaulted.status();
    const absl::Status status = prefaulted->Prefault();
    if (absl::IsUnimplemented(status)) GTEST_SKIP() << status;
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_LE(FaultsOfTouching(prefaulted->data(), prefaulted->size(), access), kHugePages / 2);
  }
}

TEST_F(MappingPosixTest, ClosingGivesAllAddressesBack) {
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n');
  };
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, 3 * kHugePageBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const auto before = mappings();
  for (int i = 0; i < 100; ++i) {
    absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
    ASSERT_TRUE(opened.ok()) << opened.status();
    Mapping moved(*std::move(opened));
    Mapping assigned = Mapping::Open(store_, Access::kReadWrite).value();
    assigned = std::move(moved);
  }
  EXPECT_LE(mappings(), before + 5) << "besides what the test itself has allocated";
}

TEST_F(MappingPosixTest, LinkWithTheNameIsRefused) {
  ASSERT_EQ(symlink("/dev/zero", path_.c_str()), 0);
  const absl::Status refused = Mapping::Open(store_, Access::kReadOnly).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not a mapping: remove it"));
  EXPECT_TRUE(absl::IsAlreadyExists(Mapping::Create(store_, 4096, 0600).status()));
}

TEST_F(MappingPosixTest, FifoWithTheNameIsRefusedWithoutWaitingForItsWriter) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(Mapping::Open(store_, Access::kReadOnly).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Mapping::Open(store_, Access::kReadWrite).status()));
}

TEST_F(MappingPosixTest, HardLinkToAnotherMappingIsRefused) {
  const std::string other = store_ + "-other";
  const absl::StatusOr<Mapping> mapping = Mapping::Create(other, 4096, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  ASSERT_EQ(link(("/dev/shm/cubby." + other).c_str(), path_.c_str()), 0);
  for (const std::string& name : {store_, other}) {
    const absl::Status refused = Mapping::Open(name, Access::kReadOnly).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  }
  EXPECT_TRUE(mapping->Remove().ok());
  EXPECT_TRUE(Mapping::Open(store_, Access::kReadOnly).ok()) << "its only name";
}

TEST_F(MappingPosixTest, FolderWithTheNameIsRefused) {
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
  for (const Access access : {Access::kReadOnly, Access::kReadWrite}) {
    const absl::Status refused = Mapping::Open(store_, access).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("is not a mapping: remove it"));
  }
}

TEST_F(MappingPosixTest, HalfMadeMappingIsEmptyNotAnError) {
  const int fd = open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  close(fd);
  const absl::StatusOr<Mapping> mapping = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->size(), 0u);
  EXPECT_EQ(mapping->data(), nullptr);
}

TEST_F(MappingPosixTest, TruncationIsSeenWhereTheNameStillLeads) {
  constexpr off_t kBytes = 8192;
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, kBytes, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_FALSE(mapping->Truncated());
  EXPECT_FALSE(opened->Truncated());
  ASSERT_EQ(truncate(path_.c_str(), kBytes - 1), 0);
  EXPECT_TRUE(mapping->Truncated());
  EXPECT_TRUE(opened->Truncated());
  const absl::StatusOr<Mapping> shorter = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(shorter.ok()) << shorter.status();
  EXPECT_FALSE(shorter->Truncated()) << "it was mapped as it is";

  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_FALSE(opened->Truncated()) << "no process can tell";
  const absl::StatusOr<Mapping> other = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_FALSE(opened->Truncated()) << "another file's size";
}

TEST_F(MappingPosixTest, NameThatIsGoneOrTakenIsTold) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_TRUE(mapping->CheckName().ok());
  const std::string elsewhere = path_ + "-elsewhere";
  ASSERT_EQ(rename(path_.c_str(), elsewhere.c_str()), 0);
  EXPECT_TRUE(absl::IsNotFound(mapping->CheckName())) << "the file has another name";
  ASSERT_EQ(rename(elsewhere.c_str(), path_.c_str()), 0);
  EXPECT_TRUE(mapping->CheckName().ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_TRUE(absl::IsNotFound(mapping->CheckName()));
  const absl::StatusOr<Mapping> other = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(absl::IsAlreadyExists(mapping->CheckName()));
  EXPECT_TRUE(other->CheckName().ok());
}

TEST_F(MappingPosixTest, OrphanIsToldFromAMappingWithItsName) {
  const absl::StatusOr<Mapping> created = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(created.ok()) << created.status();
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto expect_orphaned = [&](bool orphaned, const char* what) {
    EXPECT_EQ(created->Orphaned(), orphaned) << what;
    EXPECT_EQ(opened->Orphaned(), orphaned) << what;
  };
  const std::string elsewhere = path_ + "-elsewhere";
  expect_orphaned(false, "as it was made");
  ASSERT_EQ(rename(path_.c_str(), elsewhere.c_str()), 0);
  expect_orphaned(true, "moved");
  ASSERT_EQ(rename(elsewhere.c_str(), path_.c_str()), 0);
  expect_orphaned(false, "moved back");
  ASSERT_EQ(link(path_.c_str(), elsewhere.c_str()), 0);
  ASSERT_EQ(unlink(path_.c_str()), 0);
  expect_orphaned(true, "removed, but has another name");
  ASSERT_EQ(unlink(elsewhere.c_str()), 0);
  expect_orphaned(true, "removed");
  const absl::StatusOr<Mapping> other = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(other.ok()) << other.status();
  expect_orphaned(true, "another mapping has the name");
}

// As a program that confines itself after it has opened its files, or closes those it does not
// know.
TEST_F(MappingPosixTest, WhatAProcessCannotSeeIsNotOrphaned) {
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (geteuid() == 0 && (chroot("/proc") != 0 || chdir("/") != 0)) _exit(2);
    if (mapping->Orphaned()) _exit(3);
    const int other = open("/", O_RDONLY | O_DIRECTORY);
    for (int fd = 3; fd < 100; ++fd) {
      if (fd != other) dup2(other, fd);
    }
    _exit(mapping->Orphaned() ? 4 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(MappingPosixTest, RemoveLeavesTheNameToWhoMadeItAnew) {
  const absl::StatusOr<Mapping> first = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_TRUE(first->Remove().ok()) << "of a name that is gone";
  const absl::StatusOr<Mapping> second = Mapping::Create(store_, 4096, 0600);
  ASSERT_TRUE(second.ok()) << second.status();
  const absl::StatusOr<Mapping> opened = Mapping::Open(store_, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();

  EXPECT_TRUE(first->Remove().ok());
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  EXPECT_TRUE(opened->Remove().ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace cubby::os
