#include <windows.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/errors.h"

namespace cubby::os {
namespace {

TEST(ErrorsTest, CodesAreThoseOfTheContract) {
  const struct {
    int error;
    absl::StatusCode code;
  } cases[] = {
      {ERROR_FILE_NOT_FOUND, absl::StatusCode::kNotFound},
      {ERROR_ALREADY_EXISTS, absl::StatusCode::kAlreadyExists},
      {ERROR_ACCESS_DENIED, absl::StatusCode::kPermissionDenied},
      {ERROR_NOT_ENOUGH_MEMORY, absl::StatusCode::kResourceExhausted},
      {ERROR_COMMITMENT_LIMIT, absl::StatusCode::kResourceExhausted},
      {ERROR_SEM_TIMEOUT, absl::StatusCode::kDeadlineExceeded},
      {ERROR_BROKEN_PIPE, absl::StatusCode::kUnavailable},
      {ERROR_INVALID_HANDLE, absl::StatusCode::kFailedPrecondition},
      {ERROR_GEN_FAILURE, absl::StatusCode::kInternal},
      {ERROR_SUCCESS, absl::StatusCode::kInternal},  // never OK: something did fail
  };
  for (const auto& c : cases) EXPECT_EQ(ErrorFromCode(c.error, "x").code(), c.code) << c.error;
}

TEST(ErrorsTest, MessageIsOneLineThatSaysWhatAndWhy) {
  SetLastError(ERROR_FILE_NOT_FOUND);
  const std::string message(LastError("cannot open the door").message());
  EXPECT_THAT(message, testing::StartsWith("cannot open the door: "));
  EXPECT_THAT(message,
              testing::Not(testing::AnyOf(testing::HasSubstr("\n"), testing::EndsWith(" "))));
}

}  // namespace
}  // namespace cubby::os
