#include "os/memory_group_posix.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/subprocess.h"

namespace cubby::os {
namespace {

namespace fs = std::filesystem;

constexpr char kUnlimited1[] = "9223372036854771712\n";

// A directory with what a process reads of /proc and of its groups.
class MemoryGroupTest : public testing::Test {
 protected:
  MemoryGroupTest() {
    fs::create_directories(root_ / "proc" / "self");
    Write("proc/meminfo", "MemTotal: 1000 kB\nSwapFree:        0 kB\n");
  }
  ~MemoryGroupTest() override { fs::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  // Mounts group `group` of a hierarchy at "groups".
  void Mount(const std::string& group, const std::string& kind) const {
    Write("proc/self/mountinfo",
          absl::StrCat("21 1 0:5 / /proc rw shared:2 - proc proc rw\n30 1 0:26 ", group, " ",
                       Path("groups"), " rw,nosuid shared:9 - ", kind, "\n"));
  }
  void MountVersion1(const std::string& group) const {
    Mount(group, "cgroup cgroup rw,cpu,memory");
  }
  void MountVersion2(const std::string& group) const { Mount(group, "cgroup2 cgroup2 rw"); }
  void BeIn(const std::string& lines) const { Write("proc/self/cgroup", lines); }
  void Limit1(const std::string& group, const std::string& limit, const std::string& used) const {
    Write(absl::StrCat("groups", group, "/memory.limit_in_bytes"), limit);
    Write(absl::StrCat("groups", group, "/memory.usage_in_bytes"), used);
  }
  void Limit2(const std::string& group, const std::string& limit, const std::string& used) const {
    Write(absl::StrCat("groups", group, "/memory.max"), limit);
    Write(absl::StrCat("groups", group, "/memory.current"), used);
  }

  std::string Path(const std::string& file) const { return (root_ / file).string(); }
  absl::optional<MemoryGroup> Tightest() const {
    return TightestMemoryGroup(GroupLimit::kMost, Path("proc/self"));
  }
  void ExpectTightest(const std::string& group, uint64_t limit, uint64_t available) const {
    const absl::optional<MemoryGroup> found = Tightest();
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->path, Path("groups") + group);
    EXPECT_EQ(found->limit, limit);
    EXPECT_EQ(found->available, available);
  }

 private:
  const fs::path root_ = fs::temp_directory_path() / test::UniqueStoreName("memory group");
};

TEST_F(MemoryGroupTest, HighIsALimitOfItsOwnAndOfVersion2) {
  MountVersion2("/");
  BeIn("0::/a/b\n");
  Limit2("/a/b", "max\n", "500\n");
  Limit2("/a", "5000\n", "600\n");
  EXPECT_FALSE(TightestMemoryGroup(GroupLimit::kHigh, Path("proc/self")).has_value());
  Write("groups/a/b/memory.high", "max\n");
  Write("groups/a/memory.high", "1000\n");
  const absl::optional<MemoryGroup> high =
      TightestMemoryGroup(GroupLimit::kHigh, Path("proc/self"));
  ASSERT_TRUE(high.has_value());
  EXPECT_EQ(high->path, Path("groups") + "/a");
  EXPECT_EQ(high->limit, 1000u);
  EXPECT_EQ(high->available, 400u);
  ExpectTightest("/a", 5000, 4400);
  MountVersion1("/");
  BeIn("4:cpu,memory:/a\n0::/\n");
  Limit1("/a", "1000\n", "500\n");
  EXPECT_FALSE(TightestMemoryGroup(GroupLimit::kHigh, Path("proc/self")).has_value());
}

TEST_F(MemoryGroupTest, NoneIsFoundWithoutFilesOrLimits) {
  EXPECT_FALSE(Tightest().has_value());
  MountVersion2("/");
  BeIn("0::/a/b\n");
  EXPECT_FALSE(Tightest().has_value());
  Limit2("/a/b", "max\n", "500\n");
  Limit2("/a", "max\n", "500\n");
  EXPECT_FALSE(Tightest().has_value());
  MountVersion1("/");
  BeIn("4:cpu,memory:/a\n0::/\n");
  Limit1("/a", kUnlimited1, "500\n");
  EXPECT_FALSE(Tightest().has_value());
}

TEST_F(MemoryGroupTest, OwnGroupsLimitIsReadInEachVersion) {
  MountVersion1("/");
  BeIn("5:pids:/elsewhere\n4:cpu,memory:/a\n0::/\n");
  Limit1("/a", "1000\n", "300\n");
  ExpectTightest("/a", 1000, 700);
  MountVersion2("/");
  BeIn("0::/b:c\n");
  Limit2("/b:c", "2000\n", "300\n");
  ExpectTightest("/b:c", 2000, 1700);
}

TEST_F(MemoryGroupTest, GroupsAroundItCountIfTheyHaveLess) {
  MountVersion2("/");
  BeIn("0::/a/b/c\n");
  Limit2("/a/b/c", "max\n", "0\n");
  Limit2("/a/b", "5000\n", "100\n");
  Limit2("/a", "6000\n", "5500\n");
  ExpectTightest("/a", 6000, 500);
  Limit2("", "100\n", "0\n");
  ExpectTightest("", 100, 100);
}

TEST_F(MemoryGroupTest, ContainerWhoseOwnGroupAloneIsMountedFindsIt) {
  BeIn("3:memory:/docker/0123/task\n");
  MountVersion1("/docker/0123");
  Limit1("/task", "4000\n", "0\n");
  Limit1("", "1000\n", "0\n");
  ExpectTightest("", 1000, 1000);
  // The path is as the host sees it, and another group is mounted.
  BeIn("3:memory:/docker/01234\n");
  ExpectTightest("", 1000, 1000);
}

TEST_F(MemoryGroupTest, MountPointMayHaveSpacesInItsName) {
  MountVersion2("/");
  Write("proc/self/mountinfo",
        absl::StrCat("30 1 0:26 / ", Path("my\\040groups"), " rw - cgroup2 cgroup2 rw\n"));
  BeIn("0::/\n");
  Write("my groups/memory.max", "1000");
  Write("my groups/memory.current", "0");
  ASSERT_TRUE(Tightest().has_value());
  EXPECT_EQ(Tightest()->path, Path("my groups"));
}

TEST_F(MemoryGroupTest, WhatTheKernelGivesUpFirstIsAvailable) {
  MountVersion2("/");
  BeIn("0::/a\n");
  Limit2("/a", "1000\n", "900\n");
  Write("groups/a/memory.stat",
        "anon 100\nfile 700\nshmem 300\ninactive_file 250\nactive_file 150\nslab_reclaimable 50\n");
  ExpectTightest("/a", 1000, 550);
  MountVersion1("/");
  BeIn("4:memory:/a\n");
  Limit1("/a", "1000\n", "900\n");
  Write("groups/a/memory.stat",
        "active_file 1\ninactive_file 1\ntotal_active_file 30\ntotal_inactive_file 20\n");
  ExpectTightest("/a", 1000, 150);
}

TEST_F(MemoryGroupTest, SwapIsAvailableAsFarAsTheGroupMayUseIt) {
  Write("proc/meminfo", "SwapFree: 10 kB\n");
  MountVersion2("/");
  BeIn("0::/a\n");
  Limit2("/a", "1000\n", "400\n");
  ExpectTightest("/a", 1000, 600 + 10240);
  Write("groups/a/memory.swap.max", "100\n");
  Write("groups/a/memory.swap.current", "40\n");
  ExpectTightest("/a", 1000, 660);
  Write("groups/a/memory.swap.max", "max\n");
  ExpectTightest("/a", 1000, 600 + 10240);
  MountVersion1("/");
  BeIn("4:memory:/a\n");
  Limit1("/a", "1000\n", "400\n");
  Write("groups/a/memory.memsw.limit_in_bytes", "1000\n");
  Write("groups/a/memory.memsw.usage_in_bytes", "400\n");
  ExpectTightest("/a", 1000, 600);
}

TEST_F(MemoryGroupTest, UseBeyondTheLimitLeavesNothing) {
  MountVersion2("/");
  BeIn("0::/a\n");
  Limit2("/a", "1000\n", "1200\n");
  ExpectTightest("/a", 1000, 0);
}

}  // namespace
}  // namespace cubby::os
