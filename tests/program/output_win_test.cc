// The POSIX side is in tests/e2e/cli_streams_posix_test.cc.
#include <fcntl.h>
#include <io.h>

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "program/output.h"

namespace cubby::program {
namespace {

TEST(OutputTest, ReaderWhoHasGoneEndsItQuietly) {
  for (const size_t bytes : {size_t{1}, size_t{1} << 20}) {
    std::fflush(stdout);
    const int own = _dup(_fileno(stdout));
    int ends[2];
    ASSERT_EQ(_pipe(ends, 4096, _O_BINARY | _O_NOINHERIT), 0);
    ASSERT_EQ(_dup2(ends[1], _fileno(stdout)), 0);
    _close(ends[1]);
    _close(ends[0]);
    ::testing::internal::CaptureStderr();

    Output out("cubby");
    out.Write(std::string(bytes, 'v'));
    const ExitCode code = out.Finish();

    const std::string error = ::testing::internal::GetCapturedStderr();
    ASSERT_EQ(_dup2(own, _fileno(stdout)), 0);
    _close(own);
    std::clearerr(stdout);
    EXPECT_EQ(code, ExitCode::kSystem);
    EXPECT_EQ(error, "");
  }
}

}  // namespace
}  // namespace cubby::program
