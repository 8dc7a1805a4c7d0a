#include "tests/support/daemon.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lock/seats.h"
#include "os/mapping.h"
#include "tests/support/child.h"

namespace cubby::test {
namespace {

// Long enough for a loaded machine under an emulator; only a failing test ever waits for it.
constexpr absl::Duration kDeadline = absl::Seconds(60);

// Takes away the names that a killed daemon left.
void RemoveStore(const std::string& store) {
  bool created = false;
  auto seats = lock::Seats::OpenForDaemon(store, 0600, &created);
  EXPECT_TRUE(seats.ok()) << seats.status();
  if (!seats.ok()) return;
  EXPECT_TRUE(os::Mapping::Remove(store).ok());
  EXPECT_TRUE(lock::Seats::Remove(store).ok());
}

}  // namespace

DaemonFixture::DaemonFixture() : store_(UniqueStoreName("e2e")) {}

void DaemonFixture::TearDown() {
  if (daemon_ != nullptr && daemon_->Running()) {
    const ExitResult result = StopDaemon();
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  daemon_.reset();
  RemoveStore(store_);
}

::testing::AssertionResult DaemonFixture::StartDaemon(const std::vector<std::string>& flags) {
  return AwaitDaemon(LaunchDaemon(flags));
}

std::unique_ptr<Subprocess> DaemonFixture::LaunchDaemon(
    const std::vector<std::string>& flags) const {
  std::vector<std::string> argv = {ProgramPath("cubbyd"), "--store", store_};
  argv.insert(argv.end(), flags.begin(), flags.end());
  auto daemon = Subprocess::Start(argv);
  EXPECT_TRUE(daemon.ok()) << daemon.status();
  return daemon.ok() ? *std::move(daemon) : nullptr;
}

::testing::AssertionResult DaemonFixture::AwaitDaemon(std::unique_ptr<Subprocess> launched) {
  if (launched == nullptr) return ::testing::AssertionFailure() << "it was not started";
  const absl::Status serving = launched->WaitForError("serving", kDeadline);
  if (!serving.ok()) return ::testing::AssertionFailure() << serving;
  daemon_ = std::move(launched);
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult DaemonFixture::ReplaceDaemon(const std::vector<std::string>& flags) {
  const std::unique_ptr<Subprocess> before = std::move(daemon_);
  std::vector<std::string> all = {"--replace"};
  all.insert(all.end(), flags.begin(), flags.end());
  const ::testing::AssertionResult started = StartDaemon(all);
  if (!started) return started;
  const ExitResult ended = before->Wait(kDeadline);
  if (ended.exit_code == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "the daemon before ended with " << ended.exit_code << ": " << ended.err;
}

ExitResult DaemonFixture::StopDaemon() {
  daemon_->Interrupt();
#if defined(__SANITIZE_THREAD__)
  // g++ 12's ThreadSanitizer takes one signal in some hundred and never calls its handler.
  for (int turn = 1; daemon_->Running() && turn < 6000; ++turn) {
    absl::SleepFor(absl::Milliseconds(10));
    if (turn % 100 == 0) daemon_->Interrupt();
  }
#endif
  ExitResult result = daemon_->Wait(kDeadline);
  daemon_.reset();
  return result;
}

void DaemonFixture::KillDaemon() {
  daemon_->Kill();
  daemon_->Wait(kDeadline);
  daemon_.reset();
}

ExitResult DaemonFixture::Cubby(const std::vector<std::string>& arguments,
                                absl::string_view input) const {
  const std::unique_ptr<Subprocess> cubby = StartCubby(arguments, input);
  return cubby == nullptr ? ExitResult() : cubby->Wait(kDeadline);
}

std::unique_ptr<Subprocess> DaemonFixture::StartCubby(const std::vector<std::string>& arguments,
                                                      absl::string_view input) const {
  std::vector<std::string> argv = {ProgramPath("cubby")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  SubprocessOptions options;
  options.input = std::string(input);
  options.environment = {{"CUBBY_STORE", store_}};
  auto cubby = Subprocess::Start(argv, options);
  EXPECT_TRUE(cubby.ok()) << cubby.status();
  return cubby.ok() ? *std::move(cubby) : nullptr;
}

std::unique_ptr<Subprocess> DaemonFixture::StartUser(const std::string& name,
                                                     const std::vector<std::string>& args) const {
  std::vector<std::string> all = {store_};
  all.insert(all.end(), args.begin(), args.end());
  auto user = StartChild(name, all);
  EXPECT_TRUE(user.ok()) << user.status();
  return user.ok() ? *std::move(user) : nullptr;
}

void DaemonFixture::ExpectSound() const {
  const ExitResult check = Cubby({"check"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

}  // namespace cubby::test
