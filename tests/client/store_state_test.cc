// Stores that are missing, shut down or damaged, or that have lost their daemon.
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/mapping.h"
#include "table/layout.h"
#include "tests/client/store_fixture.h"

namespace cubby {
namespace {

using test::StoreTest;
using ::testing::HasSubstr;

TEST_F(StoreTest, OpeningWhatIsNotThereSaysSo) {
  const absl::Status missing = Store::Open("no-such-store").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("cubbyd --store no-such-store"));
  EXPECT_EQ(Store::Open("Not A Name").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, ShutDownStoreSaysSoInsteadOfServingOldData) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("k", "v").ok());
  EXPECT_EQ(StopDaemon().exit_code, 0);
  std::string value;
  EXPECT_EQ(store->Get("k", &value).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->Put("k", "v").status().code(), absl::StatusCode::kFailedPrecondition);
  const absl::string_view key = "k";
  absl::StatusOr<Entry> result;
  ASSERT_TRUE(
      store->MultiGet({&key, 1}, absl::MakeSpan(&value, 1), absl::MakeSpan(&result, 1)).ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, StateThatIsNoneIsDamage) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto mapping = os::Mapping::Open(this->store(), os::Access::kReadWrite);
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  auto& state = reinterpret_cast<table::FixedPart*>(mapping->data())->state.state;
  const uint64_t serving = state;
  std::string value;
  for (const uint64_t none : {uint64_t{0}, uint64_t{6}, ~uint64_t{0}}) {
    state = none;
    EXPECT_EQ(store->Get("k", &value).status().code(), absl::StatusCode::kDataLoss) << none;
    EXPECT_EQ(store->Put("k", "v").status().code(), absl::StatusCode::kDataLoss) << none;
  }
  state = serving;
  EXPECT_TRUE(store->Put("k", "v").ok());
}

// Also while a process still has it open, which on Windows keeps its name.
TEST_F(StoreTest, ShutDownStoreIsThereForNobodyNew) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  EXPECT_EQ(StopDaemon().exit_code, 0);
  EXPECT_EQ(Store::Open(this->store()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(StoreTest, DeadDaemonStopsNobody) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  ASSERT_TRUE(store->Put("k", "v").ok());
  KillDaemon();
  EXPECT_TRUE(store->Put("l", "w").ok());
  auto another = Open();
  std::string value;
  ASSERT_TRUE(another->Get("k", &value).ok());
  EXPECT_EQ(value, "v");
  ASSERT_TRUE(StartDaemon());
  ASSERT_TRUE(Open()->Get("l", &value).ok());
  EXPECT_EQ(value, "w");
}

}  // namespace
}  // namespace cubby
