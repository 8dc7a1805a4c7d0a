// The checks of Linux, below a root directory of the test's own.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/doctor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/doctor_fixture.h"
#include "tests/support/runtime_dir.h"
#include "tests/support/subprocess.h"

namespace cubby::cli {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr char kLimits[] =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max file size             unlimited            unlimited            bytes     \n"
    "Max open files            1024                 524288               files     \n"
    "Max address space         unlimited            unlimited            bytes     \n";

class DoctorPosixTest : public DoctorFixture {
 protected:
  DoctorPosixTest() {
    here_.root = root_.string();
    here_.user = 1000;
    fs::create_directories(root_ / "dev/shm");
    fs::permissions(root_ / "dev/shm", fs::perms::all | fs::perms::sticky_bit);
    Write("proc/self/limits", kLimits);
    Write("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
    Write("sys/kernel/mm/transparent_hugepage/shmem_enabled",
          "always within_size advise [never] deny force\n");
    Mount("tmpfs");
  }
  ~DoctorPosixTest() override { fs::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  // Mounts a file system of that type at /dev/shm, and a memory control group at "groups".
  void Mount(const std::string& type) const {
    Write("proc/self/mountinfo",
          absl::StrCat("21 1 0:5 / /proc rw shared:2 - proc proc rw\n"
                       "24 1 0:22 / /dev/shm rw shared:4 - ",
                       type, " none rw\n30 1 0:26 / ", (root_ / "groups").string(),
                       " rw shared:9 - cgroup2 cgroup2 rw\n"));
  }
  void LimitGroup(const std::string& file, const std::string& limit) const {
    Write("proc/self/cgroup", "0::/jobs\n");
    Write("proc/meminfo", "SwapFree: 0 kB\n");
    Write(absl::StrCat("groups/jobs/", file), limit);
    Write("groups/jobs/memory.current", "1000000\n");
  }
  void ExpectFinding(const char* check, Level level, const std::string& seen,
                     const std::string& remedy) const {
    const Finding finding = Look(check);
    EXPECT_EQ(finding.level, level) << finding.seen;
    EXPECT_THAT(finding.seen, HasSubstr(seen));
    EXPECT_THAT(finding.remedy, HasSubstr(remedy));
    EXPECT_EQ(finding.remedy.empty(), level == Level::kOk);
  }

  const fs::path root_ = fs::temp_directory_path() / test::UniqueStoreName("doctor");
};

TEST_F(DoctorPosixTest, AHealthyMachineIsFine) {
  const test::RuntimeDir runtime_dir;
  for (const Check& check : SystemChecks()) {
    const Finding finding = check.look(here_);
    EXPECT_EQ(finding.level, Level::kOk) << check.name << ": " << finding.seen;
  }
}

TEST_F(DoctorPosixTest, NoSharedMemoryIsBad) {
  fs::remove_all(root_ / "dev");
  ExpectFinding("shared memory", Level::kBad, "no directory /dev/shm", "mount -t tmpfs");
}

TEST_F(DoctorPosixTest, TooLittleSharedMemoryIsBadWithTheRemediesOfContainers) {
  space_ = Surroundings::Space{67'108'864, 10'000'000};
  ExpectFinding("shared memory", Level::kBad,
                "has 67108864 bytes, 10000000 of them free; a store of default size needs 20000000",
                "--shm-size");
  EXPECT_THAT(Look("shared memory").remedy, HasSubstr("emptyDir"));
  here_.need_is_met = true;
  ExpectFinding("shared memory", Level::kNote, "another store as large", "size=");
}

TEST_F(DoctorPosixTest, DockersDefaultIsNoted) {
  space_ = Surroundings::Space{67'108'864, 67'000'000};
  ExpectFinding("shared memory", Level::kNote, "Docker's default", "--shm-size");
}

TEST_F(DoctorPosixTest, SharedMemoryWithoutLimitIsFine) {
  space_ = Surroundings::Space{0, 0};
  ExpectFinding("shared memory", Level::kOk, "no limit", "");
}

TEST_F(DoctorPosixTest, SharedMemoryOnADiskIsNoted) {
  Mount("ext4");
  ExpectFinding("shared memory", Level::kNote, "type ext4", "mount -t tmpfs");
}

TEST_F(DoctorPosixTest, ADirectoryInWhichAllMayRemoveAllIsBad) {
  fs::permissions(root_ / "dev/shm", fs::perms::all);
  ExpectFinding("rights", Level::kBad, "no sticky bit", "chmod 1777");
}

TEST_F(DoctorPosixTest, ADirectoryThatMayNotBeWrittenIsBad) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(root_ / "dev/shm", fs::perms::owner_read | fs::perms::owner_exec);
  ExpectFinding("rights", Level::kBad, "may not make files", "chmod 1777");
}

TEST_F(DoctorPosixTest, ATightMemoryGroupIsBad) {
  LimitGroup("memory.max", "11000000\n");
  ExpectFinding("memory groups", Level::kBad, "has 10000000 bytes of its limit of 11000000 left",
                "MemoryMax");
  LimitGroup("memory.max", "110000000\n");
  ExpectFinding("memory groups", Level::kOk, "has 109000000 bytes", "");
}

TEST_F(DoctorPosixTest, AGroupThatIsSlowedDownIsNoted) {
  LimitGroup("memory.high", "11000000\n");
  ExpectFinding("memory groups", Level::kNote, "memory.high", "MemoryHigh");
}

TEST_F(DoctorPosixTest, RemoveIpcEndangersTheStoresOfARegularUser) {
  fs::create_directories(root_ / "run/systemd/system");
  ExpectFinding("RemoveIPC", Level::kNote, "RemoveIPC=yes, the default", "enable-linger");
  stores_->push_back(Row("jobs", StoreState::kServed));
  ExpectFinding("RemoveIPC", Level::kBad, "uid 1000", "RemoveIPC=no");
  here_.user = 999;
  ExpectFinding("RemoveIPC", Level::kOk, "system user", "");
}

TEST_F(DoctorPosixTest, AUserWhoLingersIsSafe) {
  fs::create_directories(root_ / "run/systemd/system");
  Write("var/lib/systemd/linger/ada", "");
  Write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n");
  ExpectFinding("RemoveIPC", Level::kOk, "ada lingers", "");
}

TEST_F(DoctorPosixTest, TheLastSettingOfRemoveIpcCounts) {
  fs::create_directories(root_ / "run/systemd/system");
  Write("etc/systemd/logind.conf", "# RemoveIPC=yes\n[Login]\nRemoveIPC = no\n");
  ExpectFinding("RemoveIPC", Level::kOk, "/etc/systemd/logind.conf says", "");
  Write("usr/lib/systemd/logind.conf.d/50.conf", "[Login]\nRemoveIPC=yes\n");
  ExpectFinding("RemoveIPC", Level::kNote, "/usr/lib/systemd/logind.conf.d/50.conf", "");
  Write("etc/systemd/logind.conf.d/50.conf", "[Login]\nRemoveIPC=off\n");
  ExpectFinding("RemoveIPC", Level::kOk, "/etc/systemd/logind.conf.d/50.conf says", "");
  Write("etc/systemd/logind.conf.d/60.conf", "[Other]\nRemoveIPC=yes\n[Login]\nOther=yes\n");
  ExpectFinding("RemoveIPC", Level::kOk, "/etc/systemd/logind.conf.d/50.conf says", "");
}

TEST_F(DoctorPosixTest, AFileThatBlocksIsNotWaitedFor) {
  fs::create_directories(root_ / "run/systemd/system");
  fs::create_directories(root_ / "etc/systemd");
  ASSERT_EQ(mkfifo((root_ / "etc/systemd/logind.conf").c_str(), 0600), 0);
  ExpectFinding("RemoveIPC", Level::kNote, "the default", "");
}

TEST_F(DoctorPosixTest, ARuntimeDirectoryOfOthersIsBad) {
  const test::RuntimeDir runtime_dir;
  ASSERT_EQ(Look("runtime directory").level, Level::kOk);
  fs::permissions(runtime_dir.path(), fs::perms::all);
  ExpectFinding("runtime directory", Level::kBad, "others may write to the directory",
                "CUBBY_RUNTIME_DIR");
}

TEST_F(DoctorPosixTest, ARuntimeDirectoryThatIsMissingIsMadeByTheDaemon) {
  const test::RuntimeDir runtime_dir;
  fs::remove_all(runtime_dir.path());
  ExpectFinding("runtime directory", Level::kOk, "which cubbyd makes", "");
}

TEST_F(DoctorPosixTest, ATimeNamespaceIsNoted) {
  Write("proc/self/timens_offsets", "monotonic           0         0\nboottime        86400  0\n");
  ExpectFinding("namespaces", Level::kNote, "86400 s off", "time namespace");
  Write("proc/self/timens_offsets", "monotonic           0         0\nboottime            0  0\n");
  ExpectFinding("namespaces", Level::kOk, "no time namespace", "");
}

TEST_F(DoctorPosixTest, AContainerIsNoted) {
  Write(".dockerenv", "");
  ExpectFinding("namespaces", Level::kNote, "/.dockerenv", "--ipc=shareable");
}

TEST_F(DoctorPosixTest, NoProcIsBad) {
  fs::remove_all(root_ / "proc");
  ExpectFinding("namespaces", Level::kBad, "no /proc", "mount -t proc");
  ExpectFinding("ulimits", Level::kNote, "/proc", "mount -t proc");
}

TEST_F(DoctorPosixTest, SystemsWithoutHugePagesAreNoted) {
  Write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always never [deny] force\n");
  ExpectFinding("huge pages", Level::kNote, "denies", "shmem_enabled");
  Write("proc/sys/kernel/osrelease", "5.10.0\n");
  ExpectFinding("huge pages", Level::kNote, "Linux 5.10.0 has no huge pages", "6.1");
  Write("proc/sys/kernel/osrelease", "6.6.1\n");
  fs::remove_all(root_ / "sys");
  ExpectFinding("huge pages", Level::kNote, "without huge pages", "nothing must be done");
}

TEST_F(DoctorPosixTest, LimitsBelowTheNeedAreBad) {
  Write("proc/self/limits",
        "Max address space         30000000             unlimited            bytes     \n");
  ExpectFinding("ulimits", Level::kBad, "Max address space is 30000000", "ulimit -v");
  Write("proc/self/limits",
        "Max file size             1000                 unlimited            bytes     \n");
  ExpectFinding("ulimits", Level::kBad, "Max file size is 1000", "ulimit -f");
  Write("proc/self/limits",
        "Max open files            20                   1024                 files     \n");
  ExpectFinding("ulimits", Level::kBad, "Max open files is 20", "ulimit -n");
}

}  // namespace
}  // namespace cubby::cli
