// A run of peer_bench: the stores of one size, open, and the processes that work on them.
#ifndef CUBBY_BENCH_PEERS_SESSION_H_
#define CUBBY_BENCH_PEERS_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "bench/peers/effort.h"
#include "bench/peers/stage.h"
#include "bench/peers/worker.h"

namespace cubby::bench {

// As many processes read at once at most; one more writes.
inline constexpr size_t kReaders = 4;

class Session {
 public:
  // Starts the workers. REQUIRES: nothing is open yet that a fork's child would share.
  static absl::StatusOr<std::unique_ptr<Session>> Start(const Effort& effort);
  ~Session() { Leave(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Effort& effort() const { return effort_; }
  // REQUIRES: Enter() or ForSharedPeers() has been called, and not Leave() since.
  Stage& stage() { return *stage_; }

  // Opens and fills the stores of that size, and closes those of another; does nothing if they are
  // open.
  absl::Status Enter(const StoreSize& size);
  // Closes all stores.
  void Leave();

  // Calls `measure` with one shared peer after the other, effort().rounds times, while the store
  // for several processes is open in all workers. An error names the peer.
  absl::Status ForSharedPeers(const std::function<absl::Status(uint32_t peer)>& measure);

  // Returns the gets of random entries per second of `readers` processes at the same time.
  // REQUIRES, as of the next: called by ForSharedPeers(); readers <= kReaders + 1.
  absl::StatusOr<double> ReadTogether(size_t readers, uint32_t peer, absl::Duration time);

  // What tasks gave, one after the other.
  struct Both {
    std::vector<Outcome> gets;
    std::vector<Outcome> puts;  // at the same time; empty if no process puts
  };
  // Has one process get and, if `puts` says what, another put: with each shared peer, by its name.
  // The timed gets of a peer are one series.
  absl::StatusOr<std::map<std::string, Both>> GetBesideWriter(Work gets, absl::optional<Work> puts);

 private:
  Session(const Effort& effort, std::vector<std::unique_ptr<Worker>> workers);

  // Enters the store for several processes, and opens it in all workers.
  absl::Status EnterShared();
  absl::Status GetBesideWriter(const Task& gets, absl::optional<Work> puts, Both* both);

  const Effort effort_;
  const std::vector<std::unique_ptr<Worker>> workers_;  // the last is the writer
  std::unique_ptr<Stage> stage_;
  bool shared_ = false;  // whether the workers have the stage's stores open
  uint64_t seed_ = 0;    // of the last task
  uint32_t series_ = 0;
};

// Operations per second.
double RateOf(const Outcome& outcome);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_SESSION_H_
