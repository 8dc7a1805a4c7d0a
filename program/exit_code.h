// The exit codes of `cubby` and `cubbyd`, the same on every system.
#ifndef CUBBY_PROGRAM_EXIT_CODE_H_
#define CUBBY_PROGRAM_EXIT_CODE_H_

#include "absl/status/status.h"

namespace cubby::program {

// Scripts depend on these numbers: add new ones, never change existing ones.
enum class ExitCode : int {
  kOk = 0,
  kNotFound = 1,      // no such key, the tested condition is false, or entries were left out
  kUsage = 2,         // invalid command line
  kNoStore = 3,       // no store of that name, or it was shut down
  kFull = 4,          // the store is full, or a key or value exceeds its limit
  kPermission = 5,    // not permitted, or the store belongs to another user
  kIncompatible = 6,  // another layout or protocol version
  kTimeout = 7,       // timeout of a lock or an answer, or a contended get
  kCorrupt = 8,       // the bytes of the store, or of a file to be read, are damaged
  kNoDaemon = 9,      // the store's daemon cannot be reached
  kSystem = 10,       // any other error of the system, such as a failed write of the output
};

// The subject of the call that returned a Status. The exit code depends on it: NotFound of a store
// differs from NotFound of a key.
enum class Subject {
  kStore,    // opening a store
  kEntry,    // an entry of an open store
  kDaemon,   // a request to a store's daemon
  kServing,  // the daemon itself
};

// Returns the exit code for `status`. No other code maps a Status to an exit code.
ExitCode ExitCodeFor(const absl::Status& status, Subject subject);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_EXIT_CODE_H_
