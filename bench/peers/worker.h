// Processes that work on the same stores at the same time.
#ifndef CUBBY_BENCH_PEERS_WORKER_H_
#define CUBBY_BENCH_PEERS_WORKER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/peers/peer.h"
#include "cli/histogram.h"

namespace cubby::bench {

enum class Work {
  kGet,          // random entries
  kGetTimed,     // the same, each timed by itself
  kGetHotTimed,  // one entry again and again, each timed by itself
  kPutHot,       // puts that entry again and again
  kGetEven,      // random ones of the entries with even numbers
  kPutOdd,       // puts random ones of the others
};

struct Task {
  Work work;
  uint32_t peer;  // which of AllPeers()
  // Of the machine's steady clock, which all processes share.
  int64_t begin_ns;
  int64_t end_ns;
  uint64_t seed;    // of the order
  uint32_t series;  // timed gets of one series are counted together, from task to task
};

// Begins at a moment by which every worker has received the task.
Task MakeTask(Work work, uint32_t peer, absl::Duration time);

struct Outcome {
  uint64_t operations;
  double seconds;
  // Of the series so far, in ns; rounded up by at most 1.6 %.
  uint64_t timed;
  double p50, p90, p99, p999, p9999, max;
};

// Does it in this process.
absl::StatusOr<Outcome> Do(const Task& task, const Cell& cell, Peer& peer,
                           cli::Histogram* histogram);

// A process that does tasks. It opens the peers for itself, and ends with the one that started it.
class Worker {
 public:
  // REQUIRES: nothing is open yet that a fork's child would share.
  static absl::StatusOr<std::unique_ptr<Worker>> Start();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Opens the cell's stores, of all shared peers.
  absl::Status Open(const Cell& cell);
  // Closes them, and forgets all series.
  absl::Status Close();
  // Hands over a task; Finish() waits until it is done.
  absl::Status Begin(const Task& task);
  absl::StatusOr<Outcome> Finish();

 private:
  Worker(pid_t pid, int socket) : pid_(pid), socket_(socket) {}

  const pid_t pid_;
  const int socket_;
};

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_WORKER_H_
