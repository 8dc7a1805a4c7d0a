// Child functions: functions of a test that run in a process of their own, by re-execution of the
// test binary.
//
//   CUBBY_CHILD(HoldsSeat) {                    // args: std::vector<std::string>
//     ... claim a seat of store args[0] ...
//     test::ReportReady();
//     test::WaitForInputEnd();
//     return 0;
//   }
//
//   TEST(SeatsTest, KilledHolderFreesItsSeat) {
//     auto holder = test::StartChild("HoldsSeat", {store});
//     ASSERT_TRUE(test::WaitUntilReady(**holder).ok());
//     (*holder)->Kill();
//
// A child inherits none of the test's memory, on any system. GoogleTest's assertions have no effect
// in a child: it returns an exit code.
#ifndef CUBBY_TESTS_SUPPORT_CHILD_H_
#define CUBBY_TESTS_SUPPORT_CHILD_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/subprocess.h"

// Defines child function `name`; its body follows, sees `args` and returns the process's exit code.
#define CUBBY_CHILD(name)                                                                     \
  static int CubbyChild##name(const std::vector<std::string>& args);                          \
  static const ::cubby::test::ChildRegistration cubby_child_##name{#name, &CubbyChild##name}; \
  static int CubbyChild##name([[maybe_unused]] const std::vector<std::string>& args)

namespace cubby::test {

// In the test: starts child `name`, with its standard input open until CloseInput().
absl::StatusOr<std::unique_ptr<Subprocess>> StartChild(const std::string& name,
                                                       const std::vector<std::string>& args);
// In the test: waits until the child has called ReportReady(). Errors as Subprocess::WaitForOutput.
absl::Status WaitUntilReady(Subprocess& child);

// In the child: ends WaitUntilReady() in the test.
void ReportReady();
// In the child: waits for CloseInput() in the test, or for the end of the test.
void WaitForInputEnd();
// In the child: false until then. The first call starts a thread that waits for it; the child reads
// no input itself after that.
const std::atomic<bool>& InputEnded();

using ChildFunction = int (*)(const std::vector<std::string>& args);

// A static object of this class registers a function with main().
class ChildRegistration {
 public:
  ChildRegistration(const char* name, ChildFunction function);
};

// For main(): if the command line names a child function, runs it, stores its result in *exit_code
// and returns true.
bool RunAsChild(int argc, char** argv, int* exit_code);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_CHILD_H_
