// GetOrCompute(): those that wait take no processor.
#include <ctime>
#include <future>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/store.h"
#include "gtest/gtest.h"
#include "tests/client/store_fixture.h"

namespace cubby {
namespace {

using test::StoreTest;

TEST_F(StoreTest, WaitingForAnEndlessLeaseTakesNoProcessor) {
  ASSERT_TRUE(StartDaemon());
  auto store = Open();
  auto other = Open();
  ComputeOptions endless;
  endless.lease = absl::InfiniteDuration();
  endless.stale = absl::InfiniteDuration();
  std::promise<void> computes;
  std::promise<void> let_go;
  std::thread slow([&] {
    std::string value;
    EXPECT_TRUE(store
                    ->GetOrCompute(
                        "k", endless,
                        [&]() -> absl::StatusOr<std::string> {
                          computes.set_value();
                          let_go.get_future().wait();
                          return std::string("v");
                        },
                        &value)
                    .ok());
  });
  computes.get_future().wait();
  ComputeOptions brief = endless;
  brief.wait = absl::Milliseconds(500);
  std::string value;
  const std::clock_t before = std::clock();
  const absl::Status waited = other
                                  ->GetOrCompute(
                                      "k", brief, [] { return std::string("?"); }, &value)
                                  .status();
  // Of all threads: a wait that spins takes as long as it lasts.
  const double processor_seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  let_go.set_value();
  slow.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(waited)) << waited;
  EXPECT_LT(processor_seconds, 0.25);
}

}  // namespace
}  // namespace cubby
