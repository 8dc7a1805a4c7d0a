// A history while it is recorded, in memory that the test shares with its processes.
//
// Each of kRoles roles has a Log. The process that plays a role (player.h) writes there what it
// asks and what it is answered, so that both can be read when it has been killed; another process
// then goes on with the log. The Board says which process plays which role, and how far each role
// is. The test's side is recorder.h.
#ifndef CUBBY_TESTS_LINEARIZABILITY_RECORDING_H_
#define CUBBY_TESTS_LINEARIZABILITY_RECORDING_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "tests/linearizability/checker.h"

namespace cubby::test {

inline constexpr uint32_t kRoles = 4;
inline constexpr uint32_t kRecords = 500;  // of a role, in a history
inline constexpr uint32_t kMaxKills = 2;   // in a history
inline constexpr uint32_t kProcesses = kRoles + kMaxKills;
// Of a history, and of a call that waits for the writer lock. Only a failing test waits that long:
// four processes may be many where others want the processors too.
inline constexpr absl::Duration kRecordingDeadline = absl::Seconds(120);

// What one role does in a history. A kill at any moment leaves records that are whole, then at most
// one whose end is missing, then none.
struct Log {
  struct Record {
    std::atomic<uint64_t> start;  // stored when what is asked is there; 0: not begun
    std::atomic<uint64_t> end;    // stored when the answer is there; 0: none
    Kind kind;
    Outcome outcome;
    uint32_t key;
    uint64_t put_value;
    uint64_t found_value;
    uint64_t revision;
  };
  Record records[kRecords];
};

// What the test tells its processes, and they tell it.
struct Board {
  // A process's order: to play a role in a history.
  struct Process {
    std::atomic<uint64_t> order;  // OrderOf(); 0: none yet
  };
  struct Role {
    std::atomic<uint64_t> fatal;  // at this record the role has the test kill its process
    std::atomic<uint64_t> ripe;   // 1: it has come to that
    std::atomic<uint64_t> at;     // the record it is at; kRecords: it is done
  };
  uint32_t keys;
  uint64_t seed;
  std::atomic<uint64_t> bell;  // raised when a role is ripe or done
  Process processes[kProcesses];
  Role roles[kRoles];
};

inline constexpr uint64_t kNever = ~uint64_t{0};  // of Board::Role::fatal

inline uint64_t OrderOf(uint32_t history, uint32_t role) {
  return uint64_t{history} * kRoles + role;
}

// Names of lock::Parking: where the test waits for the board's bell, and a process for its order.
std::string BellName(const std::string& board);
std::string OrderName(const std::string& board, uint32_t process);

// Nanoseconds of a clock that all processes share. No part of an operation happens before a Now()
// that the program calls before it, nor after one that it calls after it.
uint64_t Now();

// Returns the number of the value that a record puts: another one in each record of all histories.
uint64_t ValueNumber(uint32_t history, uint32_t role, uint32_t record);
// Whether the value with that number is put with a time to live.
bool HasTtl(uint64_t number);
// A record's found_value if the value found is none that a record puts.
inline constexpr uint64_t kTorn = ~uint64_t{0};

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_RECORDING_H_
