// A program's arguments, files and standard streams as plain bytes, the same on every system.
#ifndef CUBBY_PROGRAM_STANDARD_STREAMS_H_
#define CUBBY_PROGRAM_STANDARD_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace cubby::program {

// Call first in main(), before any file is opened and before any thread starts. Afterwards
// - bytes pass through the standard streams unchanged (Windows would translate line ends and stop
//   at a ^Z);
// - a write to a pipe without a reader fails with EPIPE and raises no signal;
// - a standard stream that the caller closed fails when used, and no file opened later gets its
//   number. Otherwise a message for standard error could be written into a store's mapping.
void PrepareStandardStreams();

// Returns the errno of a write to standard output that has failed just now: EPIPE whenever the
// reader of a pipe or socket has closed its end, for which Windows has no errno of its own.
int OutputError();

bool InputIsTerminal();
// Returns true if standard output is a terminal.
bool OutputIsTerminal();
// Returns true if standard output is a pipe or a socket.
bool OutputIsPipe();
// Returns false if standard output is a pipe or a socket whose reader has closed its end, so that a
// write would fail. Always true on Windows.
bool OutputHasReader();

// Returns how many characters a line of the terminal has that standard error is; 0 if it is none.
int ErrorColumns();

// Returns the share of standard input that was read, from 0 to 1; nullopt unless it is a file of
// known size.
absl::optional<double> InputShareRead();

// Writes to standard error without <cstdio>, whose lock on the stream a thread that waits here
// would hold while the process ends. Waits until all is written; gives up on an error.
void WriteToStandardError(absl::string_view bytes);

// Writes at most 4096 bytes to standard error, for a program that is about to end. Waits at most
// two seconds, and then leaves them out. Allocates nothing. On Windows it needs a thread, and waits
// until all is written if the system gives it none.
void WriteLastWords(absl::string_view bytes);

// Returns true if standard error is systemd's journal, which takes priorities (sd-daemon(3)).
// Always false on Windows.
bool ErrorIsJournal();

// Returns the arguments after the program's name: in UTF-8 on Windows, unchanged elsewhere.
std::vector<std::string> Arguments(int argc, char** argv);

// Opens the file that such an argument names, for reading bytes. Returns null and sets errno on
// error.
std::FILE* OpenFile(const std::string& path);

// Reads at most `size` bytes of `file` into `buffer` and returns their number; 0 at the end; -1,
// with errno set, on error. Waits only while no byte is available, unlike std::fread, which waits
// for all `size`. Bypasses the buffer of <cstdio>: do not mix with its reads on one file.
int64_t ReadSome(std::FILE* file, char* buffer, size_t size);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_STANDARD_STREAMS_H_
