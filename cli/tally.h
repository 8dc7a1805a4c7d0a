// How far a subcommand got that works on many entries: counted while it works, told at its end and
// if it is interrupted.
#ifndef CUBBY_CLI_TALLY_H_
#define CUBBY_CLI_TALLY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "program/exit_code.h"

namespace cubby::cli {

// For one thread, and for a signal handler that reads it.
class Tally {
 public:
  // "loaded", "line" and "failed" make "loaded 98 entries, 2 lines failed, 1 had expired". They
  // must stay valid while the tally is used.
  constexpr Tally(const char* done_verb, const char* input, const char* failed_verb)
      : done_verb_(done_verb), input_(input), failed_verb_(failed_verb) {}
  // Of a subcommand that walks through the store and reads no input.
  constexpr explicit Tally(const char* done_verb) : Tally(done_verb, nullptr, nullptr) {}

  void CountDone() { Count(&done_); }
  void CountFailed() { Count(&failed_); }
  void CountExpired() { Count(&expired_); }

  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

  // Returns "loaded 98 entries, ..."; what is zero is left out, but for the entries.
  std::string Summary() const;

  // From now on, if the process is interrupted, it says "cubby: interrupted after line 100: loaded
  // 98 entries" first, or without input "cubby: interrupted: dumped 98 entries". Call it for one
  // tally, which must stay valid until the process ends.
  void TellIfInterrupted() const;

 private:
  // Each input counts once, when it is finished. Relaxed: a signal handler of the same thread, or
  // Windows' thread for such events, prints the numbers and uses nothing that they publish.
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> expired_{0};
  const char* const done_verb_;
  const char* const input_;
  const char* const failed_verb_;

  static void Count(std::atomic<uint64_t>* counter) {
    // No other thread counts.
    counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t inputs() const;
  class Words;
  void AppendSummary(Words* words) const;
};

// Ends a subcommand that worked until `status`: prints the summary, to standard output if all went
// well, and returns the exit code.
program::ExitCode EndTally(const Tally& tally, const absl::Status& status);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_TALLY_H_
