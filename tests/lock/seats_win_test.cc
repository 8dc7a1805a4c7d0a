// What only named mutexes promise: see seats_test.cc for the rest.
#include <windows.h>

#include <string>

#include "gtest/gtest.h"
#include "lock/seats.h"
#include "os/mapping.h"
#include "os/security_win.h"
#include "tests/support/subprocess.h"

namespace cubby::lock {
namespace {

TEST(SeatsWinTest, LeftoverIsAMappingThatAClientStillHasOpen) {
  const std::string store = test::UniqueStoreName("seats");
  bool created = false;
  ASSERT_TRUE(Seats::OpenForDaemon(store, 0600, &created).ok());
  EXPECT_TRUE(created);
  const absl::StatusOr<os::Mapping> kept = os::Mapping::Create(store, 4096, 0600);
  ASSERT_TRUE(kept.ok()) << kept.status();
  ASSERT_TRUE(Seats::OpenForDaemon(store, 0600, &created).ok());
  EXPECT_FALSE(created);
}

TEST(SeatsWinTest, SeatWhoseNameIsSquattedCountsAsHeld) {
  const std::string store = test::UniqueStoreName("seats");
  const HANDLE event = CreateEventA(nullptr, TRUE, FALSE, os::ObjectName(store, ".w7").c_str());
  ASSERT_NE(event, nullptr);
  auto seats = Seats::Open(store);
  ASSERT_TRUE(seats.ok()) << seats.status();
  EXPECT_TRUE((*seats)->IsHeld(7));
  EXPECT_FALSE((*seats)->Claim(7).value());
  EXPECT_TRUE((*seats)->Claim(8).value());
  CloseHandle(event);
}

TEST(SeatsWinTest, SeatsBelongToTheMappingsOwner) {
  const std::string store = test::UniqueStoreName("seats");
  const absl::StatusOr<os::Mapping> mapping = os::Mapping::Create(store, 4096, 0600);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  auto seats = Seats::Open(store);
  ASSERT_TRUE(seats.ok()) << seats.status();
  EXPECT_EQ((*seats)->owner(), mapping->owner());
}

}  // namespace
}  // namespace cubby::lock
