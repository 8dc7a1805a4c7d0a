// Functions of a test that run in processes of their own: the test binary is executed again and
// told which one to run.
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
// A child inherits nothing of the test's memory, on any system. GoogleTest's assertions do nothing
// useful in it: it returns an exit code.
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

// In the test: starts child `name`, its standard input held open until CloseInput().
absl::StatusOr<std::unique_ptr<Subprocess>> StartChild(const std::string& name,
                                                       const std::vector<std::string>& args);
// In the test: waits until the child has called ReportReady(). Errors as Subprocess::WaitForOutput.
absl::Status WaitUntilReady(Subprocess& child);

// In the child: what ends WaitUntilReady().
void ReportReady();
// In the child: waits for the test's CloseInput(), or its end.
void WaitForInputEnd();
// In the child: false until then. The first call starts a thread that waits for it; the child reads
// no input itself after that.
const std::atomic<bool>& InputEnded();

using ChildFunction = int (*)(const std::vector<std::string>& args);

// A static object of this kind makes a function known to main().
class ChildRegistration {
 public:
  ChildRegistration(const char* name, ChildFunction function);
};

// For main(): true if the command line asks for a child; it has run then, and *exit_code is what it
// returned.
bool RunAsChild(int argc, char** argv, int* exit_code);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_CHILD_H_
