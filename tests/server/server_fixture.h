// A daemon of a test's own, with the libraries' ways to it at hand.
#ifndef CUBBY_TESTS_SERVER_SERVER_FIXTURE_H_
#define CUBBY_TESTS_SERVER_SERVER_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/admin.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"
#include "tests/support/stuck_writer.h"

namespace cubby::test {

// Only a failing test waits this long.
inline constexpr absl::Duration kLong = absl::Seconds(60);

class ServerFixture : public DaemonFixture {
 protected:
  std::unique_ptr<Admin> Connect() {
    absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Connect(store(), kLong);
    EXPECT_TRUE(admin.ok()) << admin.status();
    return admin.ok() ? *std::move(admin) : nullptr;
  }
  std::unique_ptr<Store> OpenStore() {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(store());
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  // Starts a daemon with those flags, and opens its store and puts an entry.
  void StartWithEntry(const std::vector<std::string>& flags = {"--capacity", "1000"}) {
    ASSERT_TRUE(StartDaemon(flags));
    opened_ = OpenStore();
    ASSERT_TRUE(opened_);
    ASSERT_TRUE(opened_->Put("k", "v").ok());
  }
  // Expects that the store has that entry and no other, can be written and is sound.
  void ExpectEntry() {
    ASSERT_TRUE(opened_->Contains("k").value());
    ASSERT_TRUE(opened_->Put("k", "v").ok());
    const absl::StatusOr<CheckReport> check = Connect()->Check();
    ASSERT_TRUE(check.ok()) << check.status();
    ASSERT_EQ(check->entries, 1u);
    ASSERT_THAT(check->problems, ::testing::IsEmpty());
  }
  // Runs a cubbyd that is expected to end by itself.
  ExitResult RunDaemon(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {ProgramPath("cubbyd"), "--store", store()});
    return test::Run(flags);
  }

  std::unique_ptr<Store> opened_;  // by StartWithEntry()
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SERVER_SERVER_FIXTURE_H_
