// Faults put into histories: what a checker is worth is what it finds. Each changes as little of a
// history as a store with that fault would, and always makes a violation.
#ifndef CUBBY_TESTS_LINEARIZABILITY_FAULTS_H_
#define CUBBY_TESTS_LINEARIZABILITY_FAULTS_H_

#include <random>
#include <vector>

#include "tests/linearizability/checker.h"

namespace cubby::test {

enum class Fault {
  kTorn,           // a get finds a value that no put wrote
  kLost,           // an acknowledged put that no get sees: the value before it is found later
  kStale,          // an old value is found after a newer one was
  kRepeated,       // a put takes effect a second time, after another put
  kResurrected,    // a deleted value is found again
  kAfterDeath,     // a put takes effect after its process is known to be dead
  kRefusedYetPut,  // a put that was refused takes effect
  kWrongRevision,  // a get finds a value with a revision that is not its put's
  kRevisionAgain,  // two puts return the same revision
};

inline constexpr Fault kFaults[] = {
    Fault::kTorn,          Fault::kLost,          Fault::kStale,
    Fault::kRepeated,      Fault::kResurrected,   Fault::kAfterDeath,
    Fault::kRefusedYetPut, Fault::kWrongRevision, Fault::kRevisionAgain,
};

const char* Name(Fault fault);

// Puts the fault into a random place of the history. False, and nothing changed, if it has no place
// for it (such as kAfterDeath without a kill). REQUIRES: the history is linearizable.
bool Inject(Fault fault, std::mt19937_64* random, std::vector<Operation>* history);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_FAULTS_H_
