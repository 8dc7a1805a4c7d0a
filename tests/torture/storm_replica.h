// A copy of a store's keys and revisions that is kept by its changes alone (client/watch.h): equal
// to the store, or a change was not told.
#ifndef CUBBY_TESTS_TORTURE_STORM_REPLICA_H_
#define CUBBY_TESTS_TORTURE_STORM_REPLICA_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "client/store.h"
#include "client/watch.h"

namespace cubby::test {

// Follows the store in a thread of its own, and reads all keys anew when changes were lost.
class StormReplica {
 public:
  // A failure of the test if the store cannot be watched. `store` outlives this.
  explicit StormReplica(Store* store);
  ~StormReplica();

  // Takes the last changes and compares. REQUIRES: nothing writes any more, and nothing is to be
  // repaired.
  void ExpectEqual();

  uint64_t told() const { return told_; }
  uint64_t losses() const { return losses_; }

 private:
  void FollowUntilStopped();
  void Take(const Change& change);
  void ReadAll();

  Store& store_;
  std::unique_ptr<Watcher> watcher_;
  std::map<std::string, uint64_t> revisions_;
  uint64_t told_ = 0;
  uint64_t losses_ = 0;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_TORTURE_STORM_REPLICA_H_
