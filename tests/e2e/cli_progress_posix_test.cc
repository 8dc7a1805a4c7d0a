// The progress bar, on a terminal.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/daemon.h"

namespace cubby::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// A terminal, of which the test is the user.
class Terminal {
 public:
  Terminal() : user_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (user_ < 0 || grantpt(user_) != 0 || unlockpt(user_) != 0) return;
    name_ = ptsname(user_);
    // Held open, so that what programs have written is there after they have ended.
    program_ = open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    fcntl(user_, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    close(program_);
    close(user_);
  }

  // Its device; empty if the system has no terminal to give.
  const std::string& name() const { return name_; }

  // Returns all that was written to it.
  const std::string& Shown() {
    char bytes[4096];
    for (ssize_t got; (got = read(user_, bytes, sizeof(bytes))) > 0;) {
      shown_.append(bytes, static_cast<size_t>(got));
    }
    return shown_;
  }

 private:
  const int user_;
  int program_ = -1;
  std::string name_;
  std::string shown_;
};

class CliProgressTest : public DaemonFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(StartDaemon({"--capacity", "1000"}));
    ASSERT_NE(terminal_.name(), "");
    fifo_ = std::filesystem::temp_directory_path() / UniqueStoreName("cubby-input");
    ASSERT_EQ(mkfifo(fifo_.c_str(), 0600), 0);
  }
  void TearDown() override {
    std::filesystem::remove(fifo_);
    DaemonFixture::TearDown();
  }

  // Runs a line of shell, where $CUBBY is the command, $TTY the terminal and $FIFO input.
  std::unique_ptr<Subprocess> Shell(const std::string& line) const {
    SubprocessOptions options;
    options.environment = {{"CUBBY_STORE", store()},
                           {"CUBBY", ProgramPath("cubby")},
                           {"TTY", terminal_.name()},
                           {"FIFO", fifo_.string()}};
    auto child = Subprocess::Start({"/bin/sh", "-c", line}, options);
    EXPECT_TRUE(child.ok()) << child.status();
    return child.ok() ? *std::move(child) : nullptr;
  }

  // Waits until the command reads the FIFO, and returns its end for writing, which does not block.
  int OpenFifo() const {
    const int fifo = open(fifo_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fifo >= 0) fcntl(fifo, F_SETFL, O_NONBLOCK);
    return fifo;
  }

  // Writes `line` to the FIFO again and again until the terminal shows `text`.
  ::testing::AssertionResult FeedUntilShown(int fifo, const std::string& line,
                                            const std::string& text) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!absl::StrContains(terminal_.Shown(), text)) {
      if (absl::Now() > deadline) return ::testing::AssertionFailure() << terminal_.Shown();
      // The reader may be stopped by a full terminal: wait for room with a bound.
      struct pollfd room = {fifo, POLLOUT, 0};
      if (poll(&room, 1, /*timeout=*/10) != 1) continue;
      if (write(fifo, line.data(), line.size()) < 0 && errno != EAGAIN) {
        return ::testing::AssertionFailure() << "the command reads no more";
      }
    }
    return ::testing::AssertionSuccess();
  }

  Terminal terminal_;
  std::filesystem::path fifo_;
};

TEST_F(CliProgressTest, LoadShowsItsTallyAndErasesIt) {
  const auto load = Shell("exec $CUBBY load < $FIFO > /dev/null 2> $TTY");
  ASSERT_NE(load, nullptr);
  const int fifo = OpenFifo();
  ASSERT_GE(fifo, 0);

  EXPECT_TRUE(FeedUntilShown(fifo, "k\tv\n", "\rloaded "));

  close(fifo);
  EXPECT_EQ(load->Wait(absl::Seconds(60)).exit_code, 0);
  EXPECT_THAT(terminal_.Shown(), EndsWith(" \r"));
}

TEST_F(CliProgressTest, MessagesReplaceTheBar) {
  const auto load = Shell("exec $CUBBY load --keep-going < $FIFO > /dev/null 2> $TTY");
  ASSERT_NE(load, nullptr);
  const int fifo = OpenFifo();
  ASSERT_GE(fifo, 0);

  EXPECT_TRUE(FeedUntilShown(fifo, "k\tv\n", "\rloaded "));
  // One: that the message is read is not waited for below.
  fcntl(fifo, F_SETFL, 0);
  ASSERT_EQ(write(fifo, "no tab\n", 7), 7);
  fcntl(fifo, F_SETFL, O_NONBLOCK);
  EXPECT_TRUE(FeedUntilShown(fifo, "k\tv\n", "\rcubby: line "));

  close(fifo);
  EXPECT_EQ(load->Wait(absl::Seconds(60)).exit_code, 1);
}

TEST_F(CliProgressTest, AnInterruptReplacesTheBar) {
  const auto load = Shell("exec $CUBBY load < $FIFO > /dev/null 2> $TTY");
  ASSERT_NE(load, nullptr);
  const int fifo = OpenFifo();
  ASSERT_GE(fifo, 0);
  EXPECT_TRUE(FeedUntilShown(fifo, "k\tv\n", "\rloaded "));

  load->Interrupt();

  EXPECT_EQ(load->Wait(absl::Seconds(60)).exit_code, 128 + SIGTERM);
  close(fifo);
  EXPECT_THAT(terminal_.Shown(), HasSubstr("\rcubby: interrupted after line "));
}

TEST_F(CliProgressTest, ThereIsNoneIfTheOutputIsAPipe) {
  // Long enough for a bar: the input stays open meanwhile.
  const auto piped = Shell("$CUBBY load < $FIFO 2> $TTY | cat");
  ASSERT_NE(piped, nullptr);
  const int fifo = open(fifo_.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fifo, 0);
  const absl::Time end = absl::Now() + absl::Seconds(1);
  while (absl::Now() < end) {
    ASSERT_GT(write(fifo, "k\tv\n", 4), 0);
  }
  close(fifo);
  EXPECT_THAT(piped->Wait(absl::Seconds(60)).out, HasSubstr("loaded "));
  EXPECT_EQ(terminal_.Shown(), "");
}

}  // namespace
}  // namespace cubby::test
