// A program's arguments, files, input and output as plain bytes, the same on every system.
#ifndef CUBBY_PROGRAM_STANDARD_STREAMS_H_
#define CUBBY_PROGRAM_STANDARD_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cubby::program {

// Call first in main(), before any file is opened and before any thread starts. Afterwards
// - bytes pass through the standard streams as they are (Windows would translate line ends and stop
// at a ^Z);
// - a write to a pipe without a reader returns an error, EPIPE, and does not end the process;
// - a standard stream that the caller closed fails when used, and no file opened later gets its
//   number. (Otherwise a message for standard error could be written into a store's mapping.)
void PrepareStandardStreams();

// True if standard output is a terminal.
bool OutputIsTerminal();

// Writes to standard error without <cstdio>, whose lock on the stream a thread that waits here
// would hold while the process ends. Waits until all is written; gives up on an error.
void WriteToStandardError(absl::string_view bytes);

// True if what goes to standard error is read by systemd's journal, which takes priorities
// (sd-daemon(3)). Always false on Windows.
bool ErrorIsJournal();

// Returns the arguments after the program's name, in UTF-8 on Windows and unchanged elsewhere.
std::vector<std::string> Arguments(int argc, char** argv);

// Opens the file that such an argument names, to read its bytes. Returns null, with errno set, on
// error.
std::FILE* OpenFile(const std::string& path);

// Reads the bytes that `file` has into `buffer`, at most `size`, and waits only while it has none;
// std::fread would wait for `size` bytes. Returns their number, 0 at the end, or -1 with errno set.
// Does not return bytes that <cstdio> has read ahead: read a file with one of the two only.
int64_t ReadSome(std::FILE* file, char* buffer, size_t size);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_STANDARD_STREAMS_H_
