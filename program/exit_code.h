// What the programs `cubby` and `cubbyd` return to whoever ran them, on every system alike.
#ifndef CUBBY_PROGRAM_EXIT_CODE_H_
#define CUBBY_PROGRAM_EXIT_CODE_H_

#include "absl/status/status.h"

namespace cubby::program {

// Scripts depend on these numbers: add, never change.
enum class ExitCode : int {
  kOk = 0,
  kNotFound = 1,      // no such key, or the condition asked about is false
  kUsage = 2,         // the command line makes no sense
  kNoStore = 3,       // no store of that name
  kFull = 4,          // the store is full, or a key or value is over its limit
  kPermission = 5,    // not allowed, or the store is another user's
  kIncompatible = 6,  // another layout or protocol version
  kTimeout = 7,       // a lock or an answer did not come in time, or writers were in the way
  kCorrupt = 8,       // the store's bytes are damaged
  kNoDaemon = 9,      // the store's daemon cannot be reached
  kSystem = 10,       // anything else the system refused, such as writing the output
};

// What the call was about that gave a Status: NotFound, say, means one thing of a store and another
// of a key.
enum class Subject {
  kStore,    // opening a store
  kEntry,    // an entry of an open store
  kDaemon,   // asking a store's daemon
  kServing,  // being a store's daemon
};

// The one place that turns a Status into an exit code.
ExitCode ExitCodeFor(const absl::Status& status, Subject subject);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_EXIT_CODE_H_
