#include <windows.h>

#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "program/output.h"
#include "server/log.h"
#include "tests/support/child.h"

namespace cubby::server {
namespace {

// Has a message for a pipe that is full and that no process reads, and ends.
CUBBY_CHILD(EndsWithAFullPipe) {
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
  if (args[0] == "out of memory") {
    program::EndWhenOutOfMemory("cubbyd");
    std::get_new_handler()();
  }
  if (!StartLog().ok()) return 3;
  LogMessage(LogLevel::kInfo, "unread");
  FinishLog();
  return 0;
}

TEST(LogWinTest, FullStandardErrorThatIsNotReadDoesNotKeepTheProcess) {
  for (const auto& [message, exit_code] : {std::pair("log", 0), std::pair("out of memory", 10)}) {
    auto child = test::StartChild("EndsWithAFullPipe", {message});
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_EQ((*child)->Wait(absl::Seconds(60)).exit_code, exit_code) << message;
  }
}

}  // namespace
}  // namespace cubby::server
