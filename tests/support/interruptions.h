// Takes the processor away from a thread at any instruction, over and over: what happens between
// two instructions of one process then happens often, on few processors too.
#ifndef CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_
#define CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_

namespace cubby::test {

// From now on, and as long as the process lives, the calling thread is interrupted every `micros`
// microseconds (on Windows every millisecond or two) while others run. False if that cannot be. At
// most once in a process.
bool StartInterruptions(int micros);

}  // namespace cubby::test

#endif  // CUBBY_TESTS_SUPPORT_INTERRUPTIONS_H_
