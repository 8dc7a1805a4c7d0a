// Decompression of input.
#ifndef CUBBY_CLI_GZIP_H_
#define CUBBY_CLI_GZIP_H_

#include <string>

#include "cli/byte_source.h"

namespace cubby::cli {

// Returns the bytes of `source`, decompressed if they begin with the two bytes that begin every
// gzip file, 1f 8b. As gzip(1) does, it joins the parts of such a file (members) and leaves out
// NULs after the last one. `name` denotes the input in messages.
//
// The source returns the errors of `source`, and DataLoss, naming the byte of the input, if that is
// truncated or damaged. What comes before that byte is returned first; a wrong checksum is found at
// the end of its member. Memory does not depend on the input.
ByteSource Decompressed(ByteSource source, std::string name);

}  // namespace cubby::cli

#endif  // CUBBY_CLI_GZIP_H_
