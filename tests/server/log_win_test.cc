#include <windows.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/log.h"
#include "tests/support/child.h"

namespace cubby::server {
namespace {

// Logs to a pipe that is full and that no process reads, and ends.
CUBBY_CHILD(LogsToAFullPipe) {
  HANDLE reader, writer;
  if (!CreatePipe(&reader, &writer, nullptr, 0)) return 2;
  DWORD nonblocking = PIPE_NOWAIT, blocking = PIPE_WAIT, written = 0;
  SetNamedPipeHandleState(writer, &nonblocking, nullptr, nullptr);
  const std::string some(512, 'x');
  for (DWORD size : {512, 1}) {
    while (WriteFile(writer, some.data(), size, &written, nullptr) && written == size) {
    }
  }
  SetNamedPipeHandleState(writer, &blocking, nullptr, nullptr);
  SetStdHandle(STD_ERROR_HANDLE, writer);
  if (!StartLog(LogLevel::kInfo).ok()) return 3;
  LogMessage(LogLevel::kInfo, "unread");
  FinishLog();
  return args.empty() ? 0 : 4;
}

TEST(LogWinTest, FullStandardErrorThatIsNotReadDoesNotKeepTheProcess) {
  auto child = test::StartChild("LogsToAFullPipe", {});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ((*child)->Wait(absl::Seconds(60)).exit_code, 0);
}

}  // namespace
}  // namespace cubby::server
