// The daemon's log: what a reader that does not read costs, and what levels and the rate limit
// leave out.
#include "server/log.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cubby::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr LogSite kHere = {"here.cc", 1};
constexpr LogSite kThere = {"there.cc", 1};
constexpr absl::Duration kLong = absl::Seconds(60);  // only a failing test waits this long

uint64_t now_ns;
uint64_t SetNow() { return now_ns; }
void Pass(absl::Duration time) { now_ns += static_cast<uint64_t>(absl::ToInt64Nanoseconds(time)); }

// What a logger writes, after Read() has been called.
class Reader {
 public:
  void Take(absl::string_view line) {
    std::unique_lock<std::mutex> lock(mutex_);
    lines_.emplace_back(line);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return reads_; });
  }
  void Read() {
    const std::lock_guard<std::mutex> lock(mutex_);
    reads_ = true;
    changed_.notify_all();
  }
  // Waits until the logger waits for Read().
  void AwaitLine() {
    std::unique_lock<std::mutex> lock(mutex_);
    ASSERT_TRUE(
        changed_.wait_for(lock, absl::ToChronoNanoseconds(kLong), [this] { return arrived_; }));
  }
  std::vector<std::string> lines() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool reads_ = false;
  bool arrived_ = false;
  std::vector<std::string> lines_;
};

class LogTest : public ::testing::Test {
 protected:
  void Start(LogLevel level, bool journal = false) {
    Logger::Options options;
    options.level = level;
    options.journal = journal;
    options.clock = SetNow;
    const std::shared_ptr<Reader> reader = reader_;
    auto started = Logger::Start([reader](absl::string_view line) { reader->Take(line); }, options);
    ASSERT_TRUE(started.ok()) << started.status();
    logger_ = *std::move(started);
  }
  // All that was written.
  std::vector<std::string> Lines() {
    reader_->Read();
    EXPECT_TRUE(logger_->Flush(kLong));
    return reader_->lines();
  }
  void TearDown() override { reader_->Read(); }

  const std::shared_ptr<Reader> reader_ = std::make_shared<Reader>();
  std::unique_ptr<Logger> logger_;
};

TEST_F(LogTest, UnreadLogKeepsNobodyWaitingAndTellsWhatItDropped) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kDebug));
  logger_->Log(LogLevel::kDebug, "first", kHere);
  ASSERT_NO_FATAL_FAILURE(reader_->AwaitLine());
  for (size_t i = 0; i < Logger::kQueueLines + 7; ++i) {
    logger_->Log(LogLevel::kDebug, absl::StrCat("line ", i), kHere);
  }
  EXPECT_FALSE(logger_->Flush(absl::ZeroDuration()));
  const std::vector<std::string> lines = Lines();
  ASSERT_THAT(lines, SizeIs(1 + Logger::kQueueLines + 1));
  EXPECT_EQ(lines[Logger::kQueueLines], "cubbyd: line 999\n");
  EXPECT_THAT(lines.back(), HasSubstr("dropped 7 lines"));

  logger_->Log(LogLevel::kDebug, "as before", kHere);
  EXPECT_EQ(Lines().back(), "cubbyd: as before\n");
}

TEST_F(LogTest, EndsWithoutItsReader) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kInfo));
  logger_->Log(LogLevel::kInfo, "line", kHere);
  ASSERT_NO_FATAL_FAILURE(reader_->AwaitLine());
  logger_.reset();
}

TEST_F(LogTest, LowerLevelsAreLeftOut) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kWarning));
  logger_->Log(LogLevel::kDebug, "debug", kHere);
  logger_->Log(LogLevel::kInfo, "info", kHere);
  logger_->Log(LogLevel::kWarning, "warning", kHere);
  logger_->Log(LogLevel::kError, "error", kHere);
  EXPECT_THAT(Lines(), ElementsAre("cubbyd: warning\n", "cubbyd: error\n"));
}

TEST_F(LogTest, JournalGetsPriorities) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kDebug, /*journal=*/true));
  logger_->Log(LogLevel::kDebug, "debug", kHere);
  logger_->Log(LogLevel::kInfo, "info", kHere);
  logger_->Log(LogLevel::kWarning, "warning", kHere);
  logger_->Log(LogLevel::kError, "error", kHere);
  EXPECT_THAT(Lines(), ElementsAre("<7>cubbyd: debug\n", "<6>cubbyd: info\n",
                                   "<4>cubbyd: warning\n", "<3>cubbyd: error\n"));
}

TEST_F(LogTest, EventIsOneLineWhateverItsBytes) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kInfo));
  logger_->Log(LogLevel::kInfo, "a\nb\tc", kHere);
  EXPECT_THAT(Lines(), ElementsAre("cubbyd: a b c\n"));
}

TEST_F(LogTest, OneSiteDoesNotFloodTheLogAndItsCountIsTold) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kInfo));
  for (uint64_t i = 0; i < Logger::kBurst + 5; ++i) {
    logger_->Log(LogLevel::kWarning, absl::StrCat("event ", i), kHere);
  }
  logger_->Log(LogLevel::kInfo, "another", kThere);
  Pass(Logger::kWindow);
  logger_->EndWindows();
  logger_->Log(LogLevel::kInfo, "again", kHere);
  const std::vector<std::string> lines = Lines();
  ASSERT_THAT(lines, SizeIs(Logger::kBurst + 3));
  EXPECT_EQ(lines[Logger::kBurst - 1], "cubbyd: event 9\n");
  EXPECT_EQ(lines[Logger::kBurst], "cubbyd: another\n");
  EXPECT_EQ(lines[Logger::kBurst + 1],
            "cubbyd: event 14 (the last of 5 such events that the log leaves out)\n");
  EXPECT_EQ(lines.back(), "cubbyd: again\n");
}

TEST_F(LogTest, WhatTheRateLimitLeftOutIsToldAtTheEndToo) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kInfo));
  for (uint64_t i = 0; i < Logger::kBurst + 1; ++i) {
    logger_->Log(LogLevel::kInfo, "event", kHere);
  }
  EXPECT_THAT(Lines().back(), HasSubstr("the last of 1 such events"));
}

TEST_F(LogTest, DebugLinesAreNotLimited) {
  ASSERT_NO_FATAL_FAILURE(Start(LogLevel::kDebug));
  for (uint64_t i = 0; i < 3 * Logger::kBurst; ++i) logger_->Log(LogLevel::kDebug, "event", kHere);
  EXPECT_THAT(Lines(), SizeIs(3 * Logger::kBurst));
}

TEST(LogLevelTest, IsReadByName) {
  EXPECT_EQ(ParseLogLevel("debug").value(), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("error").value(), LogLevel::kError);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLogLevel("loud").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLogLevel("").status()));
}

}  // namespace
}  // namespace cubby::server
