// Last words of a program that is interrupted.
#ifndef CUBBY_PROGRAM_INTERRUPTION_H_
#define CUBBY_PROGRAM_INTERRUPTION_H_

namespace cubby::program {

// From now on, SIGINT, SIGTERM or SIGHUP (Windows: Ctrl-C, Ctrl-Break, the closing of the console
// or session) call `last_words` and then end the process as they would otherwise, so that a shell
// sees that it was interrupted. A second signal ends the process at once. A signal stays ignored if
// the process was started with it ignored (by nohup, or in the background of a script).
//
// `last_words` runs in a signal handler, or on Windows in a thread of the system, and may do only
// what is allowed there: no allocation, no <cstdio>. Call this once, before other threads start.
void OnInterruption(void (*last_words)());

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_INTERRUPTION_H_
