// Preempts a thread at arbitrary instructions, repeatedly, so that interleavings of processes
// within a few instructions occur often even on few processors.
#ifndef CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_
#define CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_

namespace cubby::test {

// Interrupts the calling thread every `micros` microseconds (on Windows every millisecond or two)
// until the process ends. Returns false if the system refuses. Call at most once per process.
bool StartInterruptions(int micros);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_
