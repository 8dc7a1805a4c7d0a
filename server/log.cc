#include "server/log.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/plural.h"
#include "base/status_macros.h"
#include "program/output.h"
#include "program/standard_streams.h"

namespace cubby::server {
namespace {

// A reader that works takes the last lines in far less.
constexpr absl::Duration kLastPatience = absl::Seconds(2);

constexpr struct {
  LogLevel level;
  absl::string_view name;
  absl::string_view priority;  // of syslog(3), as sd-daemon(3) has it
} kLevels[] = {
    {LogLevel::kDebug, "debug", "<7>"},
    {LogLevel::kInfo, "info", "<6>"},
    {LogLevel::kWarning, "warning", "<4>"},
    {LogLevel::kError, "error", "<3>"},
};

std::string Line(LogLevel level, absl::string_view message, bool journal) {
  const absl::string_view prefix = journal ? kLevels[static_cast<size_t>(level)].priority : "";
  return absl::StrCat(prefix, program::MessageLine("cubbyd", message));
}

Logger* process_logger = nullptr;

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name) {
  for (const auto& known : kLevels) {
    if (known.name == name) return known.level;
  }
  return absl::InvalidArgumentError("use debug, info, warning or error");
}

// The lines that the thread has not taken yet.
class Logger::Queue {
 public:
  Queue(std::function<void(absl::string_view)> write, bool journal)
      : write_(std::move(write)), journal_(journal) {}

  void Add(std::string line) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (lines_.size() >= kQueueLines) {
        ++dropped_;
      } else {
        lines_.push_back(std::move(line));
      }
    }
    changed_.notify_all();
  }

  void End() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
  }

  bool AwaitWritten(absl::Duration timeout) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                             [this] { return lines_.empty() && dropped_ == 0 && !writing_; });
  }

  // The thread.
  void WriteUntilEnd() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !lines_.empty() || dropped_ != 0 || ended_; });
      std::deque<std::string> lines;
      lines.swap(lines_);
      // These were dropped after the lines above were queued.
      const uint64_t dropped = std::exchange(dropped_, 0);
      if (lines.empty() && dropped == 0) break;
      writing_ = true;
      lock.unlock();
      for (const std::string& line : lines) write_(line);
      if (dropped != 0) {
        write_(Line(LogLevel::kWarning,
                    absl::StrCat("dropped ", dropped, base::OneOrMany(dropped, " line", " lines"),
                                 " of the log here: standard error was not read in time"),
                    journal_));
      }
      lock.lock();
      writing_ = false;
      changed_.notify_all();
    }
  }

 private:
  const std::function<void(absl::string_view)> write_;
  const bool journal_;
  // Not absl::Mutex: ThreadSanitizer cannot see into a system's Abseil. Guards what follows.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  uint64_t dropped_ = 0;
  bool writing_ = false;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<Logger>> Logger::Start(std::function<void(absl::string_view)> write,
                                                      const Options& options) {
  auto queue = std::make_shared<Queue>(std::move(write), options.journal);
  try {
    std::thread([queue] { queue->WriteUntilEnd(); }).detach();
  } catch (const std::system_error& error) {
    // The system says the same of a thread too many and of one without memory for its stack.
    return absl::UnavailableError(
        absl::StrCat("cannot start a thread for the log: ", error.what(),
                     ": allow more threads (ulimit -u) and memory (ulimit -v, ulimit -d)"));
  }
  return std::unique_ptr<Logger>(new Logger(std::move(queue), options));
}

Logger::Logger(std::shared_ptr<Queue> queue, const Options& options)
    : queue_(std::move(queue)), options_(options) {}
Logger::~Logger() { queue_->End(); }

void Logger::Log(LogLevel level, absl::string_view message, LogSite site) {
  if (level < options_.level) return;
  EndWindows();
  if (level == LogLevel::kDebug) return Enqueue(level, message);
  Window& window = windows_.try_emplace(site, Window{options_.clock(), 0, level, ""}).first->second;
  if (++window.events <= kBurst) return Enqueue(level, message);
  window.last_level = level;
  window.last_message = std::string(message);
}

void Logger::EndWindows() {
  const uint64_t now = options_.clock();
  for (auto it = windows_.begin(); it != windows_.end();) {
    const Window& window = it->second;
    if (absl::Nanoseconds(now - window.begin_ns) < kWindow) {
      ++it;
      continue;
    }
    EndWindow(window);
    it = windows_.erase(it);
  }
}

void Logger::EndWindow(const Window& window) {
  if (window.events <= kBurst) return;
  Enqueue(window.last_level,
          absl::StrCat(window.last_message, " (the last of ", window.events - kBurst,
                       " such events that the log leaves out)"));
}

void Logger::Enqueue(LogLevel level, absl::string_view message) {
  queue_->Add(Line(level, message, options_.journal));
}

bool Logger::Flush(absl::Duration patience) {
  for (const auto& [site, window] : windows_) EndWindow(window);
  windows_.clear();
  return queue_->AwaitWritten(patience);
}

absl::Status StartLog() {
  Logger::Options options;
  options.journal = program::ErrorIsJournal();
  ASSIGN_OR_RETURN(std::unique_ptr<Logger> logger,
                   Logger::Start(program::WriteToStandardError, options));
  process_logger = logger.release();  // to the end of the process
  return absl::OkStatus();
}

void SetLogLevel(LogLevel level) {
  if (process_logger != nullptr) process_logger->SetLevel(level);
}

void EndLogWindows() {
  if (process_logger != nullptr) process_logger->EndWindows();
}

void FinishLog() {
  if (process_logger != nullptr) process_logger->Flush(kLastPatience);
}

void LogMessage(LogLevel level, absl::string_view message, const char* file, int line) {
  if (process_logger == nullptr) {
    return program::WriteLastWords(program::MessageLine("cubbyd", message));
  }
  process_logger->Log(level, message, {file, line});
}

void Log(LogLevel level, absl::string_view store, absl::string_view event, const char* file,
         int line) {
  LogMessage(level, absl::StrCat("store '", store, "': ", event), file, line);
}

void Log(absl::string_view store, absl::string_view event, const char* file, int line) {
  Log(LogLevel::kInfo, store, event, file, line);
}

}  // namespace cubby::server
