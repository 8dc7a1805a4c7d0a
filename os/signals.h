// Signals, and console events on Windows, that a daemon handles.
#ifndef CUBBY_OS_SIGNALS_H_
#define CUBBY_OS_SIGNALS_H_

namespace cubby::os {

// Calls `function` whenever the process is asked to end: by SIGTERM or SIGINT; on Windows by
// Ctrl-C, Ctrl-Break, or the closing of its console or session. SIGINT stays ignored if the process
// was started with it ignored (in the background of a script). `function` runs in a signal handler,
// or on Windows in a thread of the system, and may do only what is allowed there. Call this once.
// The calling thread and those that it starts later let these signals through.
void OnStopRequest(void (*function)());

// Calls `function` whenever the process is asked to read its configuration again, by SIGHUP, unless
// it was started with that ignored (by nohup). As OnStopRequest(). Never on Windows.
void OnReloadRequest(void (*function)());

// Makes a write that would exceed the process's limit for file sizes return an error, EFBIG,
// instead of raising a signal that ends the process. Does nothing on Windows.
void IgnoreFileSizeSignal();

}  // namespace cubby::os

#endif  // CUBBY_OS_SIGNALS_H_
