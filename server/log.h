// The daemon's log: a line for each event, to standard error.
//
//   cubbyd: store 'jobs': serving, new, capacity 1000, 345 bytes, pid 7
//   <6>cubbyd: store 'jobs': ...      if standard error is systemd's journal: its priorities
//
// Logging never waits for standard error. A thread writes the lines from a queue of kQueueLines; a
// line for which the queue has no room is dropped, and the number of dropped lines is logged once
// there is room. A thread is the one way that works for pipes, terminals, consoles and files on a
// network: O_NONBLOCK would change an open file description that other processes share, and
// RWF_NOWAIT is refused for terminals, and for pipes before Linux 6.4.
//
// Each place in the code logs at most kBurst lines in kWindow, then, once, the last event left out
// and their number. Lines of level debug are not limited.
//
// spdlog would not make this smaller: its asynchronous logger joins its thread at the end, which
// waits for standard error, and it has neither a rate limit nor a notice of dropped lines.
#ifndef CUBBY_SERVER_LOG_H_
#define CUBBY_SERVER_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "os/clock.h"

namespace cubby::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error"; InvalidArgument.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name);

// A place in the code.
using LogSite = std::pair<const char*, int>;  // file and line

// Used by one thread.
class Logger {
 public:
  static constexpr size_t kQueueLines = 1000;
  static constexpr uint64_t kBurst = 10;
  static constexpr absl::Duration kWindow = absl::Seconds(10);

  struct Options {
    LogLevel level = LogLevel::kInfo;  // the lowest that is logged
    bool journal = false;              // lines begin with a priority
    os::Clock clock = os::BootNanos;
  };

  // `write` is called with a line at a time, by the logger's thread, and may block: the thread, and
  // what `write` holds, may then outlive the logger. Unavailable if the thread cannot be started.
  static absl::StatusOr<std::unique_ptr<Logger>> Start(std::function<void(absl::string_view)> write,
                                                       const Options& options);
  // Does not wait. The thread ends when it has written what is in the queue.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void SetLevel(LogLevel level) { options_.level = level; }

  // Control characters in `message` become spaces.
  void Log(LogLevel level, absl::string_view message, LogSite site);
  // Logs what the rate limit has left out in windows that are over, as Log() does.
  void EndWindows();
  // Waits until all lines are written, at most `patience`. False if some are not.
  bool Flush(absl::Duration patience);

 private:
  class Queue;
  // From the first line of a site on, for kWindow.
  struct Window {
    uint64_t begin_ns;
    uint64_t events;      // logged or left out
    LogLevel last_level;  // of the last one left out
    std::string last_message;
  };
  Logger(std::shared_ptr<Queue> queue, const Options& options);
  void Enqueue(LogLevel level, absl::string_view message);
  void EndWindow(const Window& window);

  const std::shared_ptr<Queue> queue_;  // shared with the thread
  Options options_;
  std::map<LogSite, Window> windows_;
};

// The process's log. If it is not started, a line is for the process's end: it is written to
// standard error as program::WriteLastWords() does.

// Starts the process's Logger, which writes to standard error, with level info. Call once, before
// anything that may fail. Errors: those of Logger::Start().
absl::Status StartLog();
// Sets the lowest level that is logged from now on.
void SetLogLevel(LogLevel level);
// See Logger::EndWindows().
void EndLogWindows();
// At the end of the process: waits until the log is written, at most two seconds.
void FinishLog();

// Logs "cubbyd: MESSAGE". `file` and `line` are the caller's.
void LogMessage(LogLevel level, absl::string_view message, const char* file = __builtin_FILE(),
                int line = __builtin_LINE());
// Logs "cubbyd: store 'STORE': EVENT".
void Log(LogLevel level, absl::string_view store, absl::string_view event,
         const char* file = __builtin_FILE(), int line = __builtin_LINE());
// With level info.
void Log(absl::string_view store, absl::string_view event, const char* file = __builtin_FILE(),
         int line = __builtin_LINE());

}  // namespace cubby::server

#endif  // CUBBY_SERVER_LOG_H_
