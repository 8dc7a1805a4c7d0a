// The fuzz harnesses. Each asks one question of arbitrary bytes, and ends the process if the answer
// is wrong; what it must never do besides (read out of bounds, hang, allocate without limit) the
// sanitizers and libFuzzer see. They keep nothing from one input to the next.
//
// With clang each is a program of its own, driven by libFuzzer (tools/fuzz). In every build they
// are linked into fuzz_regression_test, which replays tests/fuzz/corpus and mutations of it.
#ifndef CUBBY_TESTS_FUZZ_HARNESS_H_
#define CUBBY_TESTS_FUZZ_HARNESS_H_

#include "absl/strings/string_view.h"

namespace cubby::fuzz {

// Mapped bytes (tests/fuzz/damaged_table.h says how an input damages a table).
void Geometry(absl::string_view input);  // attaching, at every size of the mapping
void Reader(absl::string_view input);    // gets and scans
void Checker(absl::string_view input);   // check, and that what it calls sound is
void Writer(absl::string_view input);    // repair, puts, deletes and sweeps, against a model
void Lock(absl::string_view input);      // takeovers from forged owners

// The control channel.
void Envelopes(absl::string_view input);  // what the request FIFO holds; not on Windows
void Frames(absl::string_view input);     // the decoder, however the bytes are cut
void Control(absl::string_view input);    // what the daemon and its clients make of messages

// What users type.
void Command(absl::string_view input);  // of cubby
void Options(absl::string_view input);  // of cubbyd, and sizes
void Text(absl::string_view input);     // fields, JSON, durations
void Gzip(absl::string_view input);     // compressed files
void Lines(absl::string_view input);    // what load and verify read; not on Windows

// Ends the process, telling what does not hold.
void Require(bool holds, absl::string_view what);

}  // namespace cubby::fuzz

#endif  // CUBBY_TESTS_FUZZ_HARNESS_H_
