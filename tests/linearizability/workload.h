// What a role asks in a history: operations at few keys, most of them at the key that all roles are
// at just then, with values short and long.
#ifndef CUBBY_TESTS_LINEARIZABILITY_WORKLOAD_H_
#define CUBBY_TESTS_LINEARIZABILITY_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/store.h"
#include "tests/linearizability/checker.h"

namespace cubby::test {

// After as many records the roles wait for each other.
inline constexpr uint32_t kRecordsToMeeting = 10;

// Returns a key's bytes: of every second key more than its slot has room for.
std::string NameOf(uint32_t key);

struct Plan {
  Kind kind;
  uint32_t key;
  uint64_t number;    // of the value
  std::string value;  // what is put; of a get, room for what is found
  PutOptions options;
};

struct Workload {
  uint32_t history;
  uint32_t role;
  uint32_t keys;
  uint64_t seed;
  uint64_t fatal;  // from this record on all values are long, so that a kill meets a long put
};

// Returns the plans of the records from `first` to the history's end. They follow from the
// arguments alone.
std::vector<Plan> MakePlans(const Workload& workload, uint32_t first);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_WORKLOAD_H_
