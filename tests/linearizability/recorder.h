// Records histories: kRoles processes (player.h) at a few keys of one store, of which some are
// killed and replaced on the way.
//
//   test::Recorder recorder(store(), own_store.get(), 6, &random);
//   ASSERT_NO_FATAL_FAILURE(recorder.Start());
//   for (uint32_t i = 1; i <= histories; ++i) {
//     std::vector<test::Operation> history;
//     ASSERT_NO_FATAL_FAILURE(recorder.Record(i, /*kills=*/1, &history));
//   }
//   recorder.Finish();
#ifndef CUBBY_TESTS_LINEARIZABILITY_RECORDER_H_
#define CUBBY_TESTS_LINEARIZABILITY_RECORDER_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "client/store.h"
#include "lock/parking.h"
#include "tests/linearizability/checker.h"
#include "tests/linearizability/recording.h"
#include "tests/support/shared.h"
#include "tests/support/subprocess.h"

namespace cubby::test {

class Recorder {
 public:
  // `store` is the same store as `name`, opened for writing; it and `random` must outlive this.
  Recorder(const std::string& name, Store* store, uint32_t keys, std::mt19937_64* random);

  // Starts the processes and waits until they are ready.
  void Start();
  // Records history number `history`, with about that many kills at random moments. *operations is
  // then what all roles did, by start: kRoles * kRecords operations. REQUIRES: kills <= kMaxKills;
  // history > 0, and another one in each call.
  void Record(uint32_t history, uint64_t kills, std::vector<Operation>* operations);
  // Ends the processes.
  void Finish();

  // How many processes were killed.
  uint64_t kills() const { return kills_; }

 private:
  void StartProcess(uint32_t process);
  void Order(uint32_t process, uint32_t history, uint32_t role);
  // Deletes all keys, empties the logs, and chooses which roles are killed and when.
  void Prepare(uint64_t kills);
  // Ends the role's process, wherever it is, and has a spare go on.
  void Kill(uint32_t history, uint32_t role);
  // Returns once all roles are done, and kills those that are ripe until then.
  void AwaitAll(uint32_t history);
  void Collect(std::vector<Operation>* operations) const;

  const std::string name_;
  Store* const store_;
  std::mt19937_64* const random_;
  const Shared<Board> board_;
  std::vector<std::unique_ptr<Shared<Log>>> logs_;  // by role
  std::unique_ptr<lock::Parking> bell_;
  std::vector<std::unique_ptr<lock::Parking>> orders_;  // by process
  std::vector<std::unique_ptr<Subprocess>> processes_;
  // In the current history.
  std::vector<uint32_t> players_;  // by role: the process that plays it
  std::vector<uint32_t> spares_;
  std::vector<uint32_t> killed_;
  uint64_t kills_ = 0;  // in all histories
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_RECORDER_H_
