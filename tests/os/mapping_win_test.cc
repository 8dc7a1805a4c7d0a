// What only section objects promise: see mapping_test.cc for the rest.
#include <windows.h>
#include <aclapi.h>
#include <sddl.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "os/security_win.h"
#include "tests/support/subprocess.h"

namespace cubby::os {
namespace {

std::string AccessListIn(PSECURITY_DESCRIPTOR descriptor) {
  char* text = nullptr;
  ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1,
                                                       DACL_SECURITY_INFORMATION, &text, nullptr);
  const std::string list = text == nullptr ? "" : text;
  LocalFree(text);
  LocalFree(descriptor);
  return list;
}

// The access control list of a store's mapping, in SDDL.
std::string AccessListOf(const std::string& store) {
  const HANDLE mapping = OpenFileMappingA(READ_CONTROL, FALSE, ObjectName(store, "").c_str());
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  GetSecurityInfo(mapping, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, nullptr, nullptr, nullptr,
                  nullptr, &descriptor);
  CloseHandle(mapping);
  return AccessListIn(descriptor);
}

// The same list as the system would write it: it has letters for some rights.
std::string Normalized(const std::string& sddl) {
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl.c_str(), SDDL_REVISION_1, &descriptor,
                                                       nullptr);
  return AccessListIn(descriptor);
}

std::string Sid() { return CurrentUserSid().value(); }
const std::string kRead =
    absl::StrCat("0x", absl::Hex(FILE_MAP_READ | SECTION_QUERY | READ_CONTROL));
const std::string kWrite =
    absl::StrCat("0x", absl::Hex(FILE_MAP_READ | FILE_MAP_WRITE | SECTION_QUERY | READ_CONTROL));

TEST(MappingWinTest, PrivateModeLetsOnlyTheUserIn) {
  const std::string store = test::UniqueStoreName("mapping");
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store, 4096, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(AccessListOf(store), Normalized(absl::StrCat("D:P(A;;", kWrite, ";;;", Sid(), ")")));
}

TEST(MappingWinTest, OthersReadBitLetsEveryoneReadAndNoMore) {
  const std::string store = test::UniqueStoreName("mapping");
  const absl::StatusOr<Mapping> mapping = Mapping::Create(store, 4096, 0644);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(AccessListOf(store),
            Normalized(absl::StrCat("D:P(A;;", kWrite, ";;;", Sid(), ")(A;;", kRead, ";;;WD)")));
}

TEST(MappingWinTest, ModeIsReadBackButForTheGroups) {
  for (const auto& [asked, holds] : {std::pair{0600u, 0600u}, {0664u, 0604u}, {0666u, 0606u}}) {
    const std::string store = test::UniqueStoreName("mapping");
    const absl::StatusOr<Mapping> mapping = Mapping::Create(store, 4096, asked);
    ASSERT_TRUE(mapping.ok()) << mapping.status();
    const absl::StatusOr<Mapping> opened = Mapping::Open(store, Access::kReadOnly);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->mode(), holds);
    EXPECT_EQ(Mapping::ModeThatHolds(asked), holds);
  }
}

TEST(MappingWinTest, ObjectOfAnotherKindWithTheNameIsRefused) {
  const std::string store = test::UniqueStoreName("mapping");
  const HANDLE event = CreateEventA(nullptr, TRUE, FALSE, ObjectName(store, "").c_str());
  ASSERT_NE(event, nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(Mapping::Open(store, Access::kReadOnly).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Mapping::Create(store, 4096, 0600).status()));
  CloseHandle(event);
}

TEST(MappingWinTest, NameLivesAsLongAsAnyHandle) {
  const std::string store = test::UniqueStoreName("mapping");
  absl::StatusOr<Mapping> made = Mapping::Create(store, 4096, 0600);
  ASSERT_TRUE(made.ok()) << made.status();
  absl::StatusOr<Mapping> opened = Mapping::Open(store, Access::kReadOnly);
  ASSERT_TRUE(opened.ok()) << opened.status();
  *made = Mapping();
  EXPECT_TRUE(Mapping::Open(store, Access::kReadOnly).ok());
  *opened = Mapping();
  EXPECT_TRUE(absl::IsNotFound(Mapping::Open(store, Access::kReadOnly).status()));
}

TEST(MappingWinTest, PagesWithoutMemoryBehindThemAreNotCounted) {
  const std::string store = test::UniqueStoreName("mapping");
  absl::StatusOr<Security> security = Security::FromMode(0600, GENERIC_READ, GENERIC_ALL);
  ASSERT_TRUE(security.ok()) << security.status();
  const HANDLE section =
      CreateFileMappingA(INVALID_HANDLE_VALUE, security->attributes(), PAGE_READWRITE | SEC_RESERVE,
                         0, 1 << 20, ObjectName(store, "").c_str());
  ASSERT_NE(section, nullptr);
  const absl::StatusOr<Mapping> mapping = Mapping::Open(store, Access::kReadOnly);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->size(), 0u);
  CloseHandle(section);
}

}  // namespace
}  // namespace cubby::os
