// Programs that the benchmark starts: servers, and commands that it times.
#ifndef CUBBY_BENCH_PEERS_PROGRAM_H_
#define CUBBY_BENCH_PEERS_PROGRAM_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/peers/peer.h"

namespace cubby::bench {

// A server. It is asked to end (SIGTERM) and waited for when this is destroyed, and asked by the
// kernel if the benchmark dies.
class Program : public Host {
 public:
  // Starts `argv`, whose first is the program's path. What it prints goes to the file `log`.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const std::vector<std::string>& argv,
                                                        const std::string& log);
  ~Program() override;

  // Tries to reach it until `reach` succeeds. Unavailable, with the end of what it printed, if it
  // ends before; the last error of `reach` after a minute.
  absl::Status WaitUntilReady(absl::FunctionRef<absl::Status()> reach);

 private:
  Program(pid_t pid, std::string log) : pid_(pid), log_(std::move(log)) {}
  // Whether it has ended by now.
  bool Ended();

  pid_t pid_;  // 0: ended
  const std::string log_;
};

// How long `argv` takes from being started, a new process, to its end; what it prints goes to the
// file `out`. Internal if its exit code is not 0.
absl::StatusOr<absl::Duration> TimeCommand(const std::vector<std::string>& argv,
                                           const std::string& out = "/dev/null");

// A file's bytes; none if there is no such file.
std::string ReadFile(const std::string& path);

}  // namespace cubby::bench

#endif  // CUBBY_BENCH_PEERS_PROGRAM_H_
