// A process that plays the roles of histories at a store, as the board orders, until its input ends
// or the test kills it. It lives through many histories.
#ifndef CUBBY_TESTS_LINEARIZABILITY_PLAYER_H_
#define CUBBY_TESTS_LINEARIZABILITY_PLAYER_H_

namespace cubby::test {

// The CUBBY_CHILD's name. args: store, the Board's name, the process's number, and the names of
// the Logs of all roles (recording.h). Ready when it waits for its first order. Exit code 0 when
// its input ends; else, with a message, when an operation ends with an error that no history has.
inline constexpr char kPlayer[] = "Player";

}  // namespace cubby::test

#endif  // CUBBY_TESTS_LINEARIZABILITY_PLAYER_H_
