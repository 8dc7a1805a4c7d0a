#include "tests/support/child.h"

#include <cstdio>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cubby::test {
namespace {

constexpr absl::string_view kChildFlag = "--child=";
constexpr char kReady[] = "ready";

std::map<std::string, ChildFunction, std::less<>>& Children() {
  static auto* children = new std::map<std::string, ChildFunction, std::less<>>;
  return *children;
}

}  // namespace

ChildRegistration::ChildRegistration(const char* name, ChildFunction function) {
  Children()[name] = function;
}

absl::StatusOr<std::unique_ptr<Subprocess>> StartChild(const std::string& name,
                                                       const std::vector<std::string>& args) {
  std::vector<std::string> argv = {SelfPath(), absl::StrCat(kChildFlag, name)};
  argv.insert(argv.end(), args.begin(), args.end());
  SubprocessOptions options;
  options.hold_input = true;
  return Subprocess::Start(argv, options);
}

absl::Status WaitUntilReady(Subprocess& child) {
  return child.WaitForOutput(kReady, absl::Seconds(60));
}

void ReportReady() {
  std::puts(kReady);
  std::fflush(stdout);
}

void WaitForInputEnd() {
  while (std::getchar() != EOF) {
  }
}

const std::atomic<bool>& InputEnded() {
  static auto* const ended = [] {
    auto* const flag = new std::atomic<bool>(false);
    std::thread([flag] {
      WaitForInputEnd();
      *flag = true;
    }).detach();
    return flag;
  }();
  return *ended;
}

bool RunAsChild(int argc, char** argv, int* exit_code) {
  if (argc < 2) return false;
  absl::string_view name = argv[1];
  if (!absl::ConsumePrefix(&name, kChildFlag)) return false;
  const auto child = Children().find(name);
  if (child == Children().end()) {
    std::fprintf(stderr, "no CUBBY_CHILD(%s) in this program\n", argv[1] + kChildFlag.size());
    *exit_code = 127;
  } else {
    *exit_code = child->second(std::vector<std::string>(argv + 2, argv + argc));
  }
  return true;
}

}  // namespace cubby::test
