#include <cerrno>
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
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ETIMEDOUT, absl::StatusCode::kDeadlineExceeded},
      {EPIPE, absl::StatusCode::kUnavailable},
      {ELOOP, absl::StatusCode::kFailedPrecondition},
      {EISDIR, absl::StatusCode::kFailedPrecondition},
      {EIO, absl::StatusCode::kInternal},
      {0, absl::StatusCode::kInternal},  // never OK: something did fail
  };
  for (const auto& c : cases) EXPECT_EQ(ErrorFromCode(c.error, "x").code(), c.code) << c.error;
}

TEST(ErrorsTest, MessageSaysWhatAndWhy) {
  errno = ENOENT;
  const absl::Status status = LastError("cannot open the door");
  EXPECT_EQ(status.message(), "cannot open the door: No such file or directory");
}

}  // namespace
}  // namespace cubby::os
