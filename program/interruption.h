// Last words of a program that is interrupted.
#ifndef CUBBY_PROGRAM_INTERRUPTION_H_
#define CUBBY_PROGRAM_INTERRUPTION_H_

#include "absl/strings/string_view.h"

namespace cubby::program {

// From now on, SIGINT, SIGTERM or SIGHUP (Windows: Ctrl-C, Ctrl-Break, the closing of the console
// or session) write what `last_words` returns to standard error, and then end the process as they
// would otherwise, so that a shell sees that it was interrupted. A second signal ends the process
// once they are written, or at once while standard error takes no bytes. A signal stays ignored if
// the process was started with it ignored (by nohup, or in the background of a script).
//
// `last_words` runs in a signal handler, or on Windows in a thread of the system, and may do only
// what is allowed there: no allocation, no <cstdio>. What it returns, at most 4096 bytes, must stay
// valid. Call this once, before other threads start.
void OnInterruption(absl::string_view (*last_words)());

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_INTERRUPTION_H_
