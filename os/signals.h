// What the system may tell a daemon by interrupting it.
#ifndef CUBBY_OS_SIGNALS_H_
#define CUBBY_OS_SIGNALS_H_

namespace cubby::os {

// Has `function` called whenever the process is asked to end: by SIGTERM, SIGINT or SIGHUP; on
// Windows by Ctrl-C, Ctrl-Break, or the closing of its console or session. SIGINT and SIGHUP stay
// ignored if the process was started so: by nohup, or in the background of a script. It is called
// from a signal handler, or a thread of the system's: it may only do what is allowed there. Call
// once, before other threads start.
void OnStopRequest(void (*function)());

// From now on a file that would grow over the process's limit is an error, EFBIG, and not a signal
// that ends it.
void IgnoreFileSizeSignal();

}  // namespace cubby::os

#endif  // CUBBY_OS_SIGNALS_H_
