// A program's words, files, input and output as plain bytes, the same on every system.
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
// - writing where nobody reads any more is an error, EPIPE, and not a signal that ends the process;
// - a standard stream that the caller closed fails when used, and nothing opened later gets its
// number, as a store's
//   mapping could: a message meant for standard error would be written into it.
void PrepareStandardStreams();

// True if what goes to standard output is seen by a person.
bool OutputIsTerminal();

// Writes to standard error without <cstdio>, whose lock on the stream a thread that waits here
// would hold while the process ends. Waits until all is written; gives up on an error.
void WriteToStandardError(absl::string_view bytes);

// True if what goes to standard error is read by systemd's journal, which takes priorities
// (sd-daemon(3)). Always false on Windows.
bool ErrorIsJournal();

// The words after the program's name, in UTF-8 on Windows and as they were given elsewhere.
std::vector<std::string> Arguments(int argc, char** argv);

// Opens the file that such a word names, to read its bytes. Null, with errno set, if that cannot
// be.
std::FILE* OpenFile(const std::string& path);

// Reads what there is of `file` into `buffer`, at most `size` bytes, and waits only while there is
// nothing: std::fread waits until it has `size`. 0 at the end; -1, with errno set, on error. Bytes
// that <cstdio> has read ahead are not seen: read a file either way, not both.
int64_t ReadSome(std::FILE* file, char* buffer, size_t size);

}  // namespace cubby::program

#endif  // CUBBY_PROGRAM_STANDARD_STREAMS_H_
